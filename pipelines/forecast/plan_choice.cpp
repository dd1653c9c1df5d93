#include "pipelines/forecast/plan_choice.h"

#include <limits>
#include <optional>
#include <utility>

#include "chitu_core/memory/levels.h"
#include "pipelines/forecast/plan_refusal.h"
#include "pipelines/forecast/time_model.h"

namespace chitu::pipelines {
namespace {

/// Sides of exact tiles in latents, after the usual one.
constexpr std::int64_t kSmallerTiles[] = {24, 16, 8};

/// Least times are bounds: less of a gain than this says nothing about the run.
constexpr double kGain = 0.99;

class Chooser {
 public:
  Chooser(const Forecasts& forecasts, const memory::MemoryConfig& config,
          const memory::PlanRequest& devices, const MemoryBudget& budget)
      : forecasts_(forecasts), config_(config), devices_(devices), budget_(budget) {}

  bool fits(const Forecast& forecast) const {
    return pipelines::fits(forecast, budget_).value_or(true);
  }

  /// What the level needs at least or, where it fits, the best that the budget allows.
  Forecast at_level(int level) const {
    memory::MemoryConfig config = config_;
    config.low_mem_level = level;
    Forecast forecast = with_tiles(memory::make_plan(config, devices_));
    if (level == memory::kLevels - 1) forecast = with_fewer_activations(std::move(forecast));
    return fits(forecast) ? with_resident_layers(std::move(forecast)) : forecast;
  }

 private:
  std::int64_t needed(const Forecast& forecast) const { return needed_bytes(forecast, budget_); }
  Forecast forecast(const memory::MemoryPlan& plan) const { return forecasts_.of(plan); }

  /// The plan's forecast, with smaller tiles while they lower a peak that does not fit.
  Forecast with_tiles(memory::MemoryPlan plan) const {
    Forecast best = forecast(plan);
    if (config_.vae_tile_latents || plan.vae_tiling != memory::VaeTiling::exact) return best;
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
  Forecast with_fewer_activations(Forecast together) const {
    if (!forecasts_.request().guided() || fits(together)) return together;
    Forecast least = together;
    const auto lower_by = [&](bool memory::MemoryPlan::* entry, bool value) {
      memory::MemoryPlan plan = together.plan;
      plan.*entry = value;
      if (Forecast lower = forecast(plan); needed(lower) < needed(least)) least = std::move(lower);
    };
    if (!config_.guidance_interleave) lower_by(&memory::MemoryPlan::guidance_interleave, false);
    const bool over = budget_.bytes && needed(least) > *budget_.bytes;
    if (!config_.offload_activations && over && !least.host_computes())
      lower_by(&memory::MemoryPlan::offload_activations, true);
    return least;
  }

  /// A streamed transformer with as many layers on the device as the budget takes.
  Forecast with_resident_layers(Forecast streamed) const {
    if (streamed.plan.transformer.residency != memory::Residency::streamed) return streamed;
    memory::MemoryPlan whole = streamed.plan;
    whole.transformer.residency = memory::Residency::offloaded;
    if (Forecast all = forecast(whole); fits(all)) return all;
    const std::int64_t layers = forecasts_.planner().pipeline().transformer_layers();
    // Binary search: what a layer adds depends on where it lies in the order of allocations.
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
  const Forecasts& forecasts_;
  const memory::MemoryConfig& config_;
  const memory::PlanRequest& devices_;
  const MemoryBudget& budget_;
};

void take(PlanChoice& choice, Forecast forecast) {
  choice.needed_bytes = needed_bytes(forecast, choice.budget);
  choice.needed_host_bytes = needed_host_bytes(forecast, choice.budget);
  choice.forecast = std::move(forecast);
}

/// With a profile, takes a plan that is predicted to be faster than those before. Returns whether
/// no later one needs to be looked at.
class FastestOf {
 public:
  FastestOf(PlanChoice& choice, const std::optional<DeviceProfile>& profile)
      : choice_(choice), profile_(profile) {}

  bool offer(Forecast forecast) {
    if (profile_ && !is_faster(forecast)) return false;
    take(choice_, std::move(forecast));
    found_ = true;
    return !profile_;
  }
  bool found() const { return found_; }

 private:
  bool is_faster(const Forecast& forecast) {
    const double predicted_s = least_time(forecast, *profile_).total_s;
    choice_.predicted.push_back({forecast.plan.low_mem_level, predicted_s});
    if (predicted_s >= kGain * least_s_) return false;
    least_s_ = predicted_s;
    return true;
  }

  PlanChoice& choice_;
  const std::optional<DeviceProfile>& profile_;
  double least_s_ = std::numeric_limits<double>::infinity();
  bool found_ = false;
};

}  // namespace

PlanChoice choose_plan(const Forecasts& forecasts, const memory::MemoryConfig& config,
                       const memory::PlanRequest& devices, const MemoryBudget& budget,
                       const std::optional<DeviceProfile>& profile) {
  const Chooser chooser(forecasts, config, devices, budget);
  PlanChoice choice;
  choice.budget = budget;
  FastestOf fastest(choice, profile);
  std::vector<Forecast> rejected;
  const int first = config.low_mem_level.value_or(0);
  const int last = config.low_mem_level.value_or(memory::kLevels - 1);
  for (int level = first; level <= last; ++level) {
    Forecast forecast = chooser.at_level(level);
    if (chooser.fits(forecast)) {
      if (fastest.offer(std::move(forecast))) break;
    } else {
      choice.rejected.push_back(
          {level, needed_bytes(forecast, budget), needed_host_bytes(forecast, budget)});
      rejected.push_back(std::move(forecast));
    }
  }
  if (!fastest.found()) refuse_plans(forecasts, budget, rejected);
  return choice;
}

PlanChoice choose_plan(const Planner& planner, const memory::MemoryConfig& config,
                       const memory::PlanRequest& devices, const Request& request,
                       const MemoryBudget& budget, const std::optional<DeviceProfile>& profile) {
  return choose_plan(Forecasts(planner, request), config, devices, budget, profile);
}

PlanChoice keep_plan(const Forecasts& forecasts, const memory::MemoryPlan& plan,
                     const MemoryBudget& budget) {
  const Forecast& forecast = forecasts.of(plan);
  if (!fits(forecast, budget).value_or(true)) refuse_plans(forecasts, budget, {forecast});
  PlanChoice choice;
  choice.budget = budget;
  take(choice, forecast);
  return choice;
}

}  // namespace chitu::pipelines
