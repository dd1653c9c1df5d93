#include "pipelines/forecast/forecast_peak.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cctype>
#include <map>
#include <tuple>

#include "chitu_core/common/bytes.h"
#include "chitu_core/common/registry.h"
#include "chitu_core/memory/strategy.h"

namespace chitu::pipelines {
namespace {

constexpr std::string_view kWeights = "weights of ";
/// A remedy leaves at most this share of the peak; smaller gains are not reported.
constexpr double kGain = 0.99;

/// "step 3 / layer 12" without the numbers: tensors of all steps and layers are grouped.
std::string without_numbers(const std::string& where) {
  std::string text;
  for (const char c : where) {
    const bool digit = std::isdigit(static_cast<unsigned char>(c)) != 0;
    if (!digit)
      text += c;
    else if (!text.ends_with('*'))
      text += '*';
  }
  return text;
}

/// The operator's name in plain words.
std::string plain_name(const std::string& made_by) {
  if (made_by == "aten::empty_strided") return "cast or copy";
  if (made_by == "aten::empty") return "new tensor";
  const std::size_t colons = made_by.rfind(':');
  return colons == std::string::npos ? made_by : made_by.substr(colons + 1);
}

/// "weights of transformer" or "weights of transformer / slabs of layers"; empty for others.
std::string weights_in(const std::string& where) {
  const std::size_t at = where.find(kWeights);
  return at == std::string::npos ? "" : where.substr(at);
}

std::vector<HeldGroup> group(const std::vector<device::DryRunBlock>& held) {
  // The weights of a component are one group; other tensors are grouped by equal size.
  std::map<std::tuple<std::string, std::string, std::int64_t>, HeldGroup> groups;
  for (const device::DryRunBlock& block : held) {
    const std::string weights = weights_in(block.where);
    const std::string what = weights.empty() ? plain_name(block.made_by) : weights;
    const std::string where = weights.empty() ? without_numbers(block.where) : "";
    HeldGroup& same = groups[{what, where, weights.empty() ? block.bytes : 0}];
    same.where = same.count == 0 && weights.empty() ? block.where : where;
    same.what = what;
    ++same.count;
    same.bytes += block.bytes;
  }
  std::vector<HeldGroup> sorted;
  for (auto& [key, same] : groups) sorted.push_back(std::move(same));
  std::stable_sort(sorted.begin(), sorted.end(),
                   [](const HeldGroup& a, const HeldGroup& b) { return a.bytes > b.bytes; });
  return sorted;
}

/// Tries changes one by one and keeps those that lower the peak.
class Remedies {
 public:
  Remedies(const LevelForecaster& forecaster, const LevelForecast& level, const Request& request,
           bool longest_prompts)
      : forecaster_(forecaster),
        plan_(level.forecast.plan),
        peak_(level.forecast.peak_bytes()),
        request_(request),
        longest_prompts_(longest_prompts) {}

  void next_level(const LevelForecast& next) {
    const auto& strategies = next.forecast.plan.strategies;
    std::vector<std::string> added;
    for (const std::string& name : strategies)
      if (std::find(plan_.strategies.begin(), plan_.strategies.end(), name) ==
          plan_.strategies.end())
        added.push_back(name);
    add(fmt::format("infer.diffusion.low_mem_level={}", next.level()),
        fmt::format("{}", fmt::join(added, ", ")), next.forecast.peak_bytes());
  }

  /// The first step of each strategy that lowers the peak, whether or not the configuration allows
  /// it: a remedy may change keys.
  void cheaper_plans() {
    for (const auto& [name, strategy] : Registry<memory::Strategy>::instance().entries()) {
      auto step = strategy->cheaper(plan_, {});
      while (step && !add(step->change, step->note, peak_of(step->plan, request_)))
        step = strategy->cheaper(step->plan, {});
    }
  }

  void fewer_frames() {
    const SizeSteps steps = forecaster_.pipeline().size_steps();
    Request request = request_;
    const std::int64_t count = (request.num_frames - steps.first_frames) / steps.frames / 2;
    request.num_frames = steps.first_frames + count * steps.frames;
    if (request.num_frames == request_.num_frames) return;
    add(fmt::format("request.num_frames={}", request.num_frames), "fewer frames",
        peak_of(plan_, request));
  }

  std::vector<Remedy> take() { return std::move(found_); }

 private:
  std::int64_t peak_of(const memory::MemoryPlan& plan, const Request& request) const {
    return forecaster_.forecaster().forecast(request, plan, longest_prompts_).peak_bytes();
  }
  /// Returns whether it lowers the peak and is kept.
  bool add(std::string change, std::string note, std::int64_t peak) {
    const bool lowers = static_cast<double>(peak) <= kGain * static_cast<double>(peak_);
    if (!lowers || format_bytes(peak) == format_bytes(peak_)) return false;
    found_.push_back({std::move(change), std::move(note), peak});
    return true;
  }

  const LevelForecaster& forecaster_;
  const memory::MemoryPlan& plan_;
  std::int64_t peak_;
  const Request& request_;
  bool longest_prompts_;
  std::vector<Remedy> found_;
};

}  // namespace

PeakExplanation explain_peak(const LevelForecaster& forecaster, const LevelForecast& level,
                             const LevelForecast* next, const Request& request,
                             bool longest_prompts) {
  const device::DryRunPeak peak = forecaster.forecaster().held_at(
      level.forecast.peak_bytes(), request, level.forecast.plan, longest_prompts);
  Remedies remedies(forecaster, level, request, longest_prompts);
  if (next) remedies.next_level(*next);
  remedies.cheaper_plans();
  remedies.fewer_frames();
  return {peak.where, plain_name(peak.made_by), group(peak.held), remedies.take()};
}

}  // namespace chitu::pipelines
