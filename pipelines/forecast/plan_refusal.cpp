#include "pipelines/forecast/plan_refusal.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <string>

#include "chitu_core/cache/params.h"
#include "chitu_core/common/bytes.h"
#include "chitu_core/common/error.h"
#include "chitu_core/common/nearest.h"
#include "pipelines/flexcache/cache_choice.h"
#include "pipelines/forecast/largest_sizes.h"

namespace chitu::pipelines {
namespace {

class Refusal {
 public:
  Refusal(const std::string& subject, const MemoryBudget& budget,
          const std::vector<Forecast>& rejected)
      : subject_(subject), budget_(budget), rejected_(rejected) {
    const auto has_room = [&](const Forecast& level) { return fits_device(level); };
    for_host_ = std::any_of(rejected.begin(), rejected.end(), has_room);
  }

  /// The level that needs the least memory.
  const Forecast& least() const {
    const Forecast* found = nullptr;
    for (const Forecast& level : rejected_)
      if (counts(level) && (!found || limit_for(level) < limit_for(*found))) found = &level;
    return *found;
  }

  bool for_host() const { return for_host_; }

  std::string text() const {
    const Forecast& level = least();
    const std::int64_t bytes = limit_for(level);
    return fmt::format(
        "{}: {} do not hold {}; the least that does is {}B ({}) at "
        "infer.diffusion.low_mem_level={}; {}{}",
        for_host_ ? "infer.host_limit" : budget_.source,
        format_bytes(for_host_ ? *budget_.host_bytes : *budget_.bytes), subject_, bytes,
        format_bytes_up(bytes), level.plan.low_mem_level, join(levels()), beyond_room(bytes));
  }

 private:
  bool fits_device(const Forecast& level) const {
    return !budget_.bytes || needed_bytes(level, budget_) <= *budget_.bytes;
  }
  bool counts(const Forecast& level) const { return !for_host_ || fits_device(level); }

  /// The value that the exceeded limit would need.
  std::int64_t limit_for(const Forecast& level) const {
    return for_host_ ? least_limit(needed_host_bytes(level, budget_), budget_.host_base_bytes)
                     : least_limit(needed_bytes(level, budget_), budget_.base_bytes);
  }

  std::vector<std::string> levels() const {
    std::vector<std::string> texts;
    for (const Forecast& level : rejected_) {
      texts.push_back(fmt::format("level {} needs {}", level.plan.low_mem_level,
                                  format_bytes_up(limit_for(level))));
      if (!counts(level)) texts.back() += " and is over " + budget_.source;
    }
    return texts;
  }

  /// Cases where a higher limit alone would not help.
  std::string beyond_room(std::int64_t bytes) const {
    const auto& room = budget_.room;
    if (for_host_ || !room || room->source == budget_.source || bytes <= room->bytes) return "";
    return fmt::format("; {} is {}", room->source, format_bytes(room->bytes));
  }

  const std::string& subject_;
  const MemoryBudget& budget_;
  const std::vector<Forecast>& rejected_;
  bool for_host_ = false;
};

/// The sizes of this request that would fit with the plan that needs least.
class SmallerRequests {
 public:
  SmallerRequests(const Forecasts& forecasts, const MemoryBudget& budget,
                  const memory::MemoryPlan& plan, bool for_host)
      : forecasts_(forecasts), budget_(budget), plan_(plan), for_host_(for_host) {}

  std::string text() const {
    const auto need = [this](const Request& tried) { return need_of(forecast(tried)); };
    const SizeSteps steps = forecasts_.forecaster().pipeline().size_steps();
    Request smaller = forecasts_.request();
    if (const auto frames = most_frames(steps, smaller, need, limit())) {
      smaller.num_frames = *frames;
      return said(smaller, fmt::format("num_frames={}", *frames));
    }
    if (const auto picture = largest_picture(steps, smaller, need, limit())) {
      smaller.width = picture->width;
      smaller.height = picture->height;
      return said(smaller, fmt::format("width={} height={}", picture->width, picture->height));
    }
    return "; neither fewer frames nor a smaller picture would fit";
  }

 private:
  std::int64_t limit() const { return for_host_ ? *budget_.host_bytes : *budget_.bytes; }
  std::int64_t need_of(const Forecast& forecast) const {
    return for_host_ ? needed_host_bytes(forecast, budget_) : needed_bytes(forecast, budget_);
  }
  Forecast forecast(const Request& tried) const {
    return forecasts_.forecaster().forecast(tried, plan_, forecasts_.longest_prompts());
  }
  /// For a request whose other kind of memory suffices, too.
  std::string said(const Request& smaller, const std::string& overrides) const {
    if (!fits(forecast(smaller), budget_).value_or(true)) return "";
    return fmt::format("; what would fit there: {}", overrides);
  }

  const Forecasts& forecasts_;
  const MemoryBudget& budget_;
  const memory::MemoryPlan& plan_;
  bool for_host_;
};

/// The override under which the cache of a request needs less, and the request fits; "" = none.
std::string cheaper_cache(Request tried, const memory::MemoryPlan& plan,
                          const WouldFit& would_fit) {
  if (!tried.flexcache) return "";
  if (!parks(*cache_choice(tried), plan)) {
    if (!tried.flexcache_params) tried.flexcache_params.emplace();
    (*tried.flexcache_params)["offload"] = true;
    if (would_fit(tried)) return cache::param_key("offload") + "=true";
  }
  tried.flexcache.reset();
  tried.flexcache_params.reset();
  return would_fit(tried) ? fmt::format("{}=null", cache::kCacheKey) : "";
}

}  // namespace

void refuse_plans(const Forecasts& forecasts, const MemoryBudget& budget,
                  const std::vector<Forecast>& rejected, const WouldFit& would_fit) {
  const ForecastSubject& subject = forecasts.subject();
  const Refusal refusal(subject.name, budget, rejected);
  const memory::MemoryPlan& plan = refusal.least().plan;
  const auto refuse_with = [&](const std::string& smaller) {
    if (!smaller.empty())
      throw OutOfMemoryError(refusal.text() + "; what would fit there: " + smaller);
  };
  if (subject.smaller)
    refuse_with(subject.smaller(
        plan, [&](const Forecast& forecast) { return fits(forecast, budget).value_or(true); }));
  if (!subject.forecast) refuse_with(cheaper_cache(forecasts.request(), plan, would_fit));
  throw OutOfMemoryError(refusal.text() +
                         SmallerRequests(forecasts, budget, plan, refusal.for_host()).text());
}

}  // namespace chitu::pipelines
