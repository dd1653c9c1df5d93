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

/// The plan that was taken, and those that did not fit; with a profile, also the ones that did and
/// what time was predicted for each.
struct PlanChoice {
  struct Rejected {
    int low_mem_level;
    std::int64_t needed_bytes;
    std::int64_t needed_host_bytes = 0;
  };
  struct Predicted {
    int low_mem_level;
    double least_s;  ///< of the whole request, as time_model.h says
  };
  Forecast forecast;
  std::int64_t needed_bytes = 0;
  std::int64_t needed_host_bytes = 0;
  MemoryBudget budget;
  /// Overrides that would ask for what the plan saves beyond its level: "infer.vae_tile_size=16".
  std::vector<std::string> savings;
  std::vector<Rejected> rejected;
  std::vector<Predicted> predicted;  ///< levels that fit; empty without a profile
};

/// The first level that fits, of the one that the configuration names or of all from the fastest
/// on. A plan that does not fit takes the steps of its strategies (Strategy::cheaper), at the last
/// level those of all strategies; what is left of the budget keeps layers of a streamed transformer
/// on the device.
///
/// profile  of the device: of all levels that fit, takes the one of the least predicted time, the
///          first of those that come within 1 %
/// throws  OutOfMemoryError naming the least limit that would do, and what each level needs
PlanChoice choose_plan(const Forecasts& forecasts, const memory::MemoryConfig& config,
                       const memory::PlanRequest& devices, const MemoryBudget& budget,
                       const std::optional<DeviceProfile>& profile = {});
PlanChoice choose_plan(const Forecaster& forecaster, const memory::MemoryConfig& config,
                       const memory::PlanRequest& devices, const Request& request,
                       const MemoryBudget& budget,
                       const std::optional<DeviceProfile>& profile = {});

/// The plan that the configuration names, as it is.
///
/// throws  OutOfMemoryError as choose_plan where it does not fit
PlanChoice keep_plan(const Forecasts& forecasts, const memory::MemoryPlan& plan,
                     const MemoryBudget& budget);

}  // namespace chitu::pipelines
