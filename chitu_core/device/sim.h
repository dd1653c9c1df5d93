#pragma once

#include <c10/core/Device.h>

#include <cstdint>
#include <optional>

namespace chitu::device {

/// A device in host memory that behaves like an accelerator: its memory is counted to the byte and
/// limited to a capacity, and mixing its tensors with CPU tensors in one operation is an error. Its
/// results are the CPU's, bit for bit. Tests of memory use run on it without a GPU.
///
/// Uses libtorch's PrivateUse1 backend. It is registered as "sim" when it is first configured, so a
/// process that does not use it keeps its own accelerator.
struct SimOptions {
  std::optional<std::int64_t> capacity_bytes{};  ///< empty = the host's memory
  std::optional<double> h2d_bytes_per_second{};  ///< empty = the host's own speed
  std::optional<double> d2h_bytes_per_second{};

  bool operator==(const SimOptions&) const = default;
};

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
