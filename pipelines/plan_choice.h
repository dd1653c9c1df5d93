#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "chitu_core/memory/memory_config.h"
#include "chitu_core/memory/plan.h"
#include "pipelines/device_profile.h"
#include "pipelines/planner.h"

namespace chitu::pipelines {

/// How much memory a plan may take, and who says so.
struct MemoryBudget {
  std::int64_t bytes = 0;
  std::int64_t base_bytes = 0;  ///< held whatever the plan: on a CPU, the process itself
  std::string source;           ///< "infer.vram_limit=6GiB", "free memory of sim:0"
  std::optional<std::int64_t> host_bytes{};  ///< infer.host_limit: of host tensors and the process
  std::int64_t host_base_bytes = 0;          ///< the process without tensors
};

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
  std::vector<Rejected> rejected;
  std::vector<Predicted> predicted;  ///< levels that fit; empty without a profile
};

/// Most bytes that a forecast holds where it computes, with the process itself where that is the
/// host.
std::int64_t needed_bytes(const Forecast& forecast, const MemoryBudget& budget);

/// Most host memory that a forecast holds, tensors and the process itself.
std::int64_t needed_host_bytes(const Forecast& forecast, const MemoryBudget& budget);

/// The first level that fits, of the one that the configuration names or of all from the fastest
/// on. Tiles become smaller where they alone are too large and the configuration names no size;
/// what is left of the budget keeps layers of a streamed transformer on the device.
///
/// profile  of the device: of all levels that fit, takes the one of the least predicted time, the
///          first of those that come within 1 %
/// throws  OutOfMemoryError naming the smallest budget that would do, and what each level needs
PlanChoice choose_plan(const Planner& planner, const memory::MemoryConfig& config,
                       const memory::PlanRequest& devices, const Request& request,
                       const MemoryBudget& budget,
                       const std::optional<DeviceProfile>& profile = {});

}  // namespace chitu::pipelines
