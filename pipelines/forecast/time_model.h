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

/// What has to be done, for its least time.
struct Work {
  device::DryRunUse use;              ///< moved and computed
  device::DryRunUse lead;             ///< the part of it that is done before the rest can compute
  at::ScalarType dtype = at::kFloat;  ///< computed in
  /// On what the profile describes; else its arithmetic and its reading of weights count as 0.
  bool computes_there = true;
  std::int64_t weight_bytes = 0;  ///< read from the device's memory by every pass
  std::int64_t passes = 0;
};

/// Seconds that work takes at least, each part by itself and all of it.
struct LeastTime {
  double compute_s = 0;  ///< arithmetic
  double link_s = 0;     ///< copies in the busier direction
  double disk_s = 0;
  double memory_s = 0;  ///< reading weights from the device's memory
  double lead_s = 0;    ///< copies and reads before the first arithmetic
  double total_s = 0;
  /// What most of the total is: "arithmetic", "loading" (the lead), "host link", "disk",
  /// "device memory"; "nothing" where the total is 0.
  std::string_view bound_by = "nothing";
};

/// The least time of work at the full rates of a profile, for which copies, reads and arithmetic go
/// on side by side: the longest of them, where arithmetic begins once the lead is there. What the
/// profile does not know takes no time.
LeastTime least_time(const Work& work, const DeviceProfile& profile);

/// The least times of a request.
struct RequestTime {
  struct Stage {
    std::string name;
    LeastTime time;
    /// False for a text encoder on the CPU beside the profile of a GPU, which knows no rate for it.
    bool arithmetic_counted = true;
  };
  LeastTime step;  ///< a denoising step amid others
  std::vector<Stage> stages;
  double total_s = 0;  ///< of the stages, one after another; weights come in with the first use
};

RequestTime least_time(const Forecast& forecast, const DeviceProfile& profile);

}  // namespace chitu::pipelines
