#pragma once

#include <c10/core/Device.h>

#include <cstdint>
#include <optional>

namespace chitu::device {

/// A device in host memory that behaves as an accelerator does: its tensors are counted to the
/// byte, held below a capacity, and refused beside tensors of the host. Its arithmetic is the
/// CPU's, bit for bit. What memory claims are proved on where there is no GPU.
///
/// Built on libtorch's PrivateUse1 backend; registered as "sim" when it is first configured, so
/// that a process which never asks for it keeps its own accelerator.
struct SimOptions {
  std::optional<std::int64_t> capacity_bytes{};  ///< empty = as much as the host has
  std::optional<double> h2d_bytes_per_second{};  ///< empty = as fast as the host copies
  std::optional<double> d2h_bytes_per_second{};

  bool operator==(const SimOptions&) const = default;
};

/// Makes the device known to libtorch. Does nothing the second time.
void register_sim();

/// Makes the device available, or changes what it allows from now on. Returns it.
c10::Device configure_sim(const SimOptions& options);

/// What has gone between host and device since the process began.
struct SimTraffic {
  std::int64_t h2d_bytes = 0, d2h_bytes = 0;
  std::int64_t h2d_copies = 0, d2h_copies = 0;
  std::int64_t allocations = 0;
};
SimTraffic sim_traffic();

/// Makes one call fail, for tests of what happens then: the allocation, the copy or the pinning of
/// host memory with this number, counted from 1 from now on; 0 = none.
struct SimFaults {
  std::int64_t allocation = 0;
  std::int64_t copy = 0;
  std::int64_t pinning = 0;
};
void inject_sim_faults(const SimFaults& faults);

}  // namespace chitu::device
