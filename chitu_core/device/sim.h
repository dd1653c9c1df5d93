#pragma once

#include <c10/core/Device.h>

#include <cstdint>

#include "chitu_core/device/sim_options.h"

namespace chitu::device {

/// Registers the device with libtorch. Further calls do nothing.
void register_sim();

/// Registers the device, or changes its options. Returns it.
c10::Device configure_sim(const SimOptions& options);

/// Copies between host and device since the process began.
struct SimTraffic {
  std::int64_t h2d_bytes = 0, d2h_bytes = 0;
  std::int64_t h2d_copies = 0, d2h_copies = 0;
  std::int64_t allocations = 0;
};
SimTraffic sim_traffic();

/// Makes one call fail, for tests: the n-th allocation, copy or pinning of host memory from now on,
/// counted from 1; 0 = none.
struct SimFaults {
  std::int64_t allocation = 0;
  std::int64_t copy = 0;
  std::int64_t pinning = 0;
};
void inject_sim_faults(const SimFaults& faults);

}  // namespace chitu::device
