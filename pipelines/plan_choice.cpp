#include "pipelines/plan_choice.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <optional>

#include "chitu_core/common/bytes.h"
#include "chitu_core/common/error.h"
#include "chitu_core/common/nearest.h"
#include "chitu_core/memory/levels.h"
#include "pipelines/time_model.h"

namespace chitu::pipelines {
namespace {

/// Sides of exact tiles in latents, after the usual one.
constexpr std::int64_t kSmallerTiles[] = {24, 16, 8};

/// Least times are bounds: less of a gain than this says nothing about the run.
constexpr double kGain = 0.99;

struct LevelNeed {
  int low_mem_level;
  std::int64_t bytes;
};

class Chooser {
 public:
  Chooser(const Planner& planner, const Request& request, const MemoryBudget& budget)
      : planner_(planner), request_(request), budget_(budget) {}

  std::int64_t needed(const Forecast& forecast) const { return needed_bytes(forecast, budget_); }
  bool fits(const Forecast& forecast) const {
    return needed(forecast) <= budget_.bytes && fits_host(forecast);
  }
  bool fits_host(const Forecast& forecast) const {
    return !budget_.host_bytes || needed_host_bytes(forecast, budget_) <= *budget_.host_bytes;
  }
  Forecast forecast(const memory::MemoryPlan& plan) const {
    return planner_.forecast(request_, plan);
  }

  /// The plan's forecast, with smaller tiles while they lower a peak that does not fit.
  Forecast with_tiles(memory::MemoryPlan plan, bool may_shrink) const {
    Forecast best = forecast(plan);
    if (!may_shrink || plan.vae_tiling != memory::VaeTiling::exact) return best;
    for (const std::int64_t side : kSmallerTiles) {
      if (fits(best) || side >= plan.vae_tile_latents) continue;
      plan.vae_tile_latents = side;
      Forecast smaller = forecast(plan);
      if (needed(smaller) >= needed(best)) break;
      best = std::move(smaller);
    }
    return best;
  }

  /// A plan that does not fit, with fewer hidden states at a time if that lowers it: the branches
  /// of guidance one after the other, or, where even these do not fit, together with the waiting
  /// one on the host, which spares the device the first one's prediction.
  Forecast with_fewer_activations(Forecast together, const memory::MemoryConfig& config) const {
    if (!request_.guided() || fits(together)) return together;
    Forecast least = together;
    const auto lower_by = [&](bool memory::MemoryPlan::*entry, bool value) {
      memory::MemoryPlan plan = together.plan;
      plan.*entry = value;
      if (Forecast lower = forecast(plan); needed(lower) < needed(least)) least = std::move(lower);
    };
    if (!config.guidance_interleave) lower_by(&memory::MemoryPlan::guidance_interleave, false);
    if (!config.offload_activations && needed(least) > budget_.bytes && !least.host_computes())
      lower_by(&memory::MemoryPlan::offload_activations, true);
    return least;
  }

  /// A streamed transformer with as many layers on the device as the budget takes.
  Forecast with_resident_layers(Forecast streamed) const {
    if (streamed.plan.transformer.residency != memory::Residency::streamed) return streamed;
    memory::MemoryPlan whole = streamed.plan;
    whole.transformer.residency = memory::Residency::offloaded;
    if (Forecast all = forecast(whole); fits(all)) return all;
    const std::int64_t layers = planner_.pipeline().transformer_layers();
    // Sought by halves: what a layer adds depends on where it lies in the order of allocations.
    std::int64_t low = 0, high = layers;  // low fits, high does not
    while (high - low > 1) {
      memory::MemoryPlan plan = streamed.plan;
      const std::int64_t middle = (low + high) / 2;
      plan.transformer.resident_layers = middle;
      if (Forecast more = forecast(plan); fits(more)) {
        streamed = std::move(more);
        low = middle;
      } else {
        high = middle;
      }
    }
    return streamed;
  }

 private:
  const Planner& planner_;
  const Request& request_;
  const MemoryBudget& budget_;
};

/// One line: what was asked for, the level that needs least, and what each needs.
[[noreturn]] void refuse(const std::string& source, std::int64_t bytes, const LevelNeed& least,
                         const std::vector<std::string>& levels) {
  throw OutOfMemoryError(
      fmt::format("{}: {} do not hold this request; the least that does is {}B ({}) at "
                  "infer.diffusion.low_mem_level={}; {}",
                  source, format_bytes(bytes), least.bytes, format_bytes(least.bytes),
                  least.low_mem_level, join(levels)));
}

/// No level fits: for want of host memory where the device has room for some, else of the device's.
[[noreturn]] void refuse(const MemoryBudget& budget,
                         const std::vector<PlanChoice::Rejected>& rejected) {
  const auto has_room = [&](const PlanChoice::Rejected& level) {
    return level.needed_bytes <= budget.bytes;
  };
  const bool for_host = std::any_of(rejected.begin(), rejected.end(), has_room);
  std::optional<LevelNeed> least;
  std::vector<std::string> levels;
  for (const auto& level : rejected) {
    const std::int64_t bytes = for_host ? level.needed_host_bytes : level.needed_bytes;
    levels.push_back(fmt::format("level {} needs {}", level.low_mem_level, format_bytes(bytes)));
    const bool counts = !for_host || has_room(level);
    if (!counts) levels.back() += " and is over " + budget.source;
    if (counts && (!least || bytes < least->bytes)) least = {level.low_mem_level, bytes};
  }
  if (for_host) refuse("infer.host_limit", *budget.host_bytes, *least, levels);
  refuse(budget.source, budget.bytes, *least, levels);
}

}  // namespace

std::int64_t needed_bytes(const Forecast& forecast, const MemoryBudget& budget) {
  return budget.base_bytes + forecast.peak_bytes();
}

std::int64_t needed_host_bytes(const Forecast& forecast, const MemoryBudget& budget) {
  return budget.host_base_bytes + forecast.peak_host_bytes;
}

PlanChoice choose_plan(const Planner& planner, const memory::MemoryConfig& config,
                       const memory::PlanRequest& devices, const Request& request,
                       const MemoryBudget& budget, const std::optional<DeviceProfile>& profile) {
  const Chooser chooser(planner, request, budget);
  PlanChoice choice;
  choice.budget = budget;
  const int first = config.low_mem_level.value_or(0);
  double least_s = std::numeric_limits<double>::infinity();
  const int last = config.low_mem_level.value_or(memory::kLevels - 1);
  for (int level = first; level <= last; ++level) {
    memory::MemoryConfig at_level = config;
    at_level.low_mem_level = level;
    Forecast forecast =
        chooser.with_tiles(memory::make_plan(at_level, devices), !config.vae_tile_latents);
    if (level == memory::kLevels - 1)
      forecast = chooser.with_fewer_activations(std::move(forecast), config);
    if (!chooser.fits(forecast)) {
      choice.rejected.push_back(
          {level, chooser.needed(forecast), needed_host_bytes(forecast, budget)});
      continue;
    }
    forecast = chooser.with_resident_layers(std::move(forecast));
    if (profile) {
      const double predicted_s = least_time(forecast, *profile).total_s;
      choice.predicted.push_back({level, predicted_s});
      if (predicted_s >= kGain * least_s) continue;
      least_s = predicted_s;
    }
    choice.needed_bytes = chooser.needed(forecast);
    choice.needed_host_bytes = needed_host_bytes(forecast, budget);
    choice.forecast = std::move(forecast);
    if (!profile) return choice;
  }
  if (choice.predicted.empty()) refuse(budget, choice.rejected);
  return choice;
}

}  // namespace chitu::pipelines
