#pragma once

#include <c10/core/Device.h>

#include <cstdint>

namespace at {
class Tensor;
}

namespace chitu::device {

/// Bytes copied between host and device since the process began.
struct Traffic {
  std::int64_t h2d_bytes = 0, d2h_bytes = 0;
};

/// sim counts its copies itself; for other accelerators it is the sum of count_copy(), because
/// libtorch does not count copies. The CPU has none.
Traffic traffic(c10::Device device);

/// Counts a copy. Ignores copies within the host or within a device, and those of sim.
void count_copy(c10::Device from, c10::Device to, std::int64_t bytes);

/// tensor.to(device), counted.
at::Tensor move_to(const at::Tensor& tensor, c10::Device device);

/// destination.copy_(source), counted.
void copy_into(const at::Tensor& destination, const at::Tensor& source);

}  // namespace chitu::device
