#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "chitu_core/memory/memory_config.h"
#include "chitu_core/memory/plan.h"
#include "pipelines/forecast/forecaster.h"
#include "pipelines/forecast/forecasts.h"
#include "pipelines/forecast/memory_budget.h"
#include "pipelines/machine/device_profile.h"

namespace chitu::pipelines {

/// The chosen plan, and the plans that did not fit; with a profile, also the ones that fit and
/// their predicted times.
struct PlanChoice {
  struct Rejected {
    int low_mem_level;
    std::int64_t needed_bytes;
    std::int64_t needed_host_bytes = 0;
  };
  struct Predicted {
    int low_mem_level;
    double least_s;  ///< of the whole request, as in time_model.h
  };
  Forecast forecast;
  std::int64_t needed_bytes = 0;
  std::int64_t needed_host_bytes = 0;
  MemoryBudget budget;
  /// Overrides with the same effect as the plan's savings beyond its level:
  /// "infer.vae_tile_size=16".
  std::vector<std::string> savings;
  std::vector<Rejected> rejected;
  std::vector<Predicted> predicted;  ///< levels that fit; empty without a profile
};

/// The first plan that fits: at the level that the configuration names, or at the fastest level
/// that fits. If the plan of a level does not fit, it takes the steps of its strategies
/// (Strategy::cheaper), at the last level those of all strategies. Memory left in the budget keeps
/// layers of a streamed transformer on the device.
///
/// profile  of the device: takes, of all levels that fit, the one with the shortest predicted time,
///          or the first within 1 % of it
/// throws  OutOfMemoryError naming the lowest limit that would do and what each level needs
PlanChoice choose_plan(const Forecasts& forecasts, const memory::MemoryConfig& config,
                       const memory::PlanRequest& devices, const MemoryBudget& budget,
                       const std::optional<DeviceProfile>& profile = {});
PlanChoice choose_plan(const Forecaster& forecaster, const memory::MemoryConfig& config,
                       const memory::PlanRequest& devices, const Request& request,
                       const MemoryBudget& budget,
                       const std::optional<DeviceProfile>& profile = {});

/// The plan that the configuration names, unchanged.
///
/// throws  OutOfMemoryError as choose_plan(), if it does not fit
PlanChoice keep_plan(const Forecasts& forecasts, const memory::MemoryPlan& plan,
                     const MemoryBudget& budget);

}  // namespace chitu::pipelines
