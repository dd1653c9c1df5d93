#pragma once

#include <c10/core/ScalarType.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "chitu_core/device/dry_run.h"
#include "pipelines/forecast/forecaster.h"
#include "pipelines/machine/device_profile.h"

namespace chitu::pipelines {

/// The work whose least time is computed.
struct Work {
  device::DryRunUse use;   ///< traffic and arithmetic
  device::DryRunUse lead;  ///< the part of it that must be done before arithmetic can start
  at::ScalarType dtype = at::kFloat;  ///< compute dtype
  /// Whether it runs on the device of the profile; else its arithmetic and its reading of weights
  /// count as 0.
  bool computes_there = true;
  std::int64_t weight_bytes = 0;  ///< read from the device's memory by every pass
  std::int64_t passes = 0;
};

/// Lower bounds in seconds, for each kind of work and for all of it.
struct LeastTime {
  double compute_s = 0;  ///< arithmetic
  double link_s = 0;     ///< copies in the busier direction
  double disk_s = 0;
  double memory_s = 0;         ///< reading weights from the device's memory
  double exchange_s = 0;       ///< exchanges with other ranks
  double exchange_wait_s = 0;  ///< of these, what no arithmetic goes on beside
  double lead_s = 0;           ///< copies and reads before the first arithmetic
  double total_s = 0;
  /// The kind that makes up most of the total: "arithmetic", "loading" (the lead), "exchange"
  /// (between ranks), "host link", "disk", "device memory"; "nothing" if the total is 0.
  std::string_view bound_by = "nothing";
};

/// The least time of work at the full rates of a profile. Copies, reads and arithmetic overlap, so
/// this is the longest of them, with arithmetic starting after the lead. Exchanges with other ranks
/// overlap with the arithmetic that the code does beside them, and hold up the rest. Rates that the
/// profile does not have count as no time.
LeastTime least_time(const Work& work, const DeviceProfile& profile);

/// The least times of a request.
struct RequestTime {
  struct Stage {
    std::string name;
    LeastTime time;
    /// False for a text encoder on the CPU with a profile of a GPU, which has no rate for it.
    bool arithmetic_counted = true;
  };
  LeastTime step;  ///< a denoising step with steps before and after it
  std::vector<Stage> stages;
  double total_s = 0;  ///< of the stages, one after another; weights load at their first use
};

RequestTime least_time(const Forecast& forecast, const DeviceProfile& profile);

}  // namespace chitu::pipelines
