#include "pipelines/forecast/plan_choice.h"

#include <limits>
#include <optional>
#include <utility>

#include "chitu_core/common/registry.h"
#include "chitu_core/memory/levels.h"
#include "chitu_core/memory/strategy.h"
#include "pipelines/forecast/plan_refusal.h"
#include "pipelines/forecast/time_model.h"

namespace chitu::pipelines {
namespace {

/// Least times are lower bounds: a smaller gain says nothing about the run.
constexpr double kGain = 0.99;

/// A plan of a level, and the changes that made it cheaper than the level's own.
struct Candidate {
  Forecast forecast;
  std::vector<std::string> savings;
};

class Chooser {
 public:
  Chooser(const Forecasts& forecasts, const memory::MemoryConfig& config,
          const memory::PlanRequest& devices, const MemoryBudget& budget)
      : forecasts_(forecasts), config_(config), devices_(devices), budget_(budget) {}

  bool fits(const Forecast& forecast) const {
    return pipelines::fits(forecast, budget_).value_or(true);
  }

  /// The least memory of the level or, if it fits, its best plan within the budget. Below the last
  /// level, strategies that are not in effect wait for their level.
  Candidate at_level(int level) const {
    memory::MemoryConfig config = config_;
    config.low_mem_level = level;
    Candidate candidate{forecast(memory::make_plan(config, devices_)), {}};
    const auto [in_effect, others] = strategies_for(candidate.forecast.plan);
    for (const memory::Strategy* strategy : in_effect) lower(candidate, *strategy);
    if (level == memory::kLevels - 1)
      for (const memory::Strategy* strategy : others) lower(candidate, *strategy);
    if (fits(candidate.forecast))
      candidate.forecast = with_resident_layers(std::move(candidate.forecast));
    return candidate;
  }

 private:
  std::int64_t needed(const Forecast& forecast) const { return needed_bytes(forecast, budget_); }
  Forecast forecast(const memory::MemoryPlan& plan) const { return forecasts_.of(plan); }

  using Strategies = std::vector<const memory::Strategy*>;

  /// The strategies that are in effect in a plan, and the others.
  std::pair<Strategies, Strategies> strategies_for(const memory::MemoryPlan& plan) const {
    std::pair<Strategies, Strategies> found;
    for (const auto& [name, strategy] : Registry<memory::Strategy>::instance().entries())
      (strategy->is_in_effect(plan, config_) ? found.first : found.second)
          .push_back(strategy.get());
    return found;
  }

  bool is_over_device(const Forecast& forecast) const {
    return budget_.bytes && needed(forecast) > *budget_.bytes;
  }

  /// Takes steps of a strategy while the plan does not fit. A step that does not lower the peak is
  /// undone, but the next one may lower it: the first smaller tile may still be larger than the
  /// picture.
  void lower(Candidate& best, const memory::Strategy& strategy) const {
    std::string change;
    memory::MemoryPlan plan = best.forecast.plan;
    while (!fits(best.forecast)) {
      auto step = strategy.cheaper(plan, config_);
      if (!step || (step->takes_host_memory && !is_over_device(best.forecast))) break;
      plan = step->plan;
      Forecast lower = forecast(plan);
      if (needed(lower) >= needed(best.forecast)) continue;
      best.forecast = std::move(lower);
      change = std::move(step->change);  // the last step's text covers the earlier ones
    }
    if (!change.empty()) best.savings.push_back(std::move(change));
  }

  /// A streamed transformer with as many layers on the device as the budget allows.
  Forecast with_resident_layers(Forecast streamed) const {
    constexpr auto role = memory::Role::transformer;
    if (streamed.plan.first(role).residency != memory::Residency::streamed) return streamed;
    memory::MemoryPlan whole = streamed.plan;
    whole.set_residency(role, memory::Residency::offloaded);
    if (Forecast all = forecast(whole); fits(all)) return all;
    const std::int64_t layers = forecasts_.forecaster().pipeline().transformer_layers();
    // Binary search: the cost of a layer depends on its place in the order of allocations.
    std::int64_t low = 0, high = layers;  // low fits, high does not
    while (high - low > 1) {
      memory::MemoryPlan plan = streamed.plan;
      const std::int64_t middle = (low + high) / 2;
      plan.each(role, [&](auto& component) { component.resident_layers = middle; });
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

void take(PlanChoice& choice, Forecast forecast, std::vector<std::string> savings = {}) {
  choice.needed_bytes = needed_bytes(forecast, choice.budget);
  choice.needed_host_bytes = needed_host_bytes(forecast, choice.budget);
  choice.forecast = std::move(forecast);
  choice.savings = std::move(savings);
}

/// With a profile, takes a plan with a shorter predicted time than earlier ones. Returns whether
/// later plans need not be tried.
class FastestOf {
 public:
  FastestOf(PlanChoice& choice, const std::optional<DeviceProfile>& profile)
      : choice_(choice), profile_(profile) {}

  bool offer(Candidate candidate) {
    if (profile_ && !is_faster(candidate.forecast)) return false;
    take(choice_, std::move(candidate.forecast), std::move(candidate.savings));
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
    Candidate candidate = chooser.at_level(level);
    const Forecast& forecast = candidate.forecast;
    if (chooser.fits(forecast)) {
      if (fastest.offer(std::move(candidate))) break;
    } else {
      choice.rejected.push_back(
          {level, needed_bytes(forecast, budget), needed_host_bytes(forecast, budget)});
      rejected.push_back(std::move(candidate.forecast));
    }
  }
  const auto would_fit = [&](const Request& tried) {
    const Forecasts others(forecasts.forecaster(), tried, forecasts.longest_prompts());
    const Chooser other(others, config, devices, budget);
    for (int level = first; level <= last; ++level)
      if (other.fits(other.at_level(level).forecast)) return true;
    return false;
  };
  if (!fastest.found()) refuse_plans(forecasts, budget, rejected, would_fit);
  return choice;
}

PlanChoice choose_plan(const Forecaster& forecaster, const memory::MemoryConfig& config,
                       const memory::PlanRequest& devices, const Request& request,
                       const MemoryBudget& budget, const std::optional<DeviceProfile>& profile) {
  return choose_plan(Forecasts(forecaster, request), config, devices, budget, profile);
}

PlanChoice keep_plan(const Forecasts& forecasts, const memory::MemoryPlan& plan,
                     const MemoryBudget& budget) {
  const Forecast& forecast = forecasts.of(plan);
  const auto would_fit = [&](const Request& tried) {
    const Forecaster& forecaster = forecasts.forecaster();
    return fits(forecaster.forecast(tried, plan, forecasts.longest_prompts()), budget)
        .value_or(true);
  };
  if (!fits(forecast, budget).value_or(true))
    refuse_plans(forecasts, budget, {forecast}, would_fit);
  PlanChoice choice;
  choice.budget = budget;
  take(choice, forecast);
  return choice;
}

}  // namespace chitu::pipelines
