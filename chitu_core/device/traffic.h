#pragma once

#include <c10/core/Device.h>

#include <cstdint>

namespace at {
class Tensor;
}

namespace chitu::device {

/// Bytes that went between the host and a device since the process began.
struct Traffic {
  std::int64_t h2d_bytes = 0, d2h_bytes = 0;
};

/// What sim counted by itself, and of other accelerators what count_copy() was told: libtorch keeps
/// no such book. The CPU has no traffic.
Traffic traffic(c10::Device device);

/// Books a copy. One within the host or within a device is no traffic, and sim has its own books.
void count_copy(c10::Device from, c10::Device to, std::int64_t bytes);

/// tensor.to(device), booked.
at::Tensor move_to(const at::Tensor& tensor, c10::Device device);

/// destination.copy_(source), booked.
void copy_into(const at::Tensor& destination, const at::Tensor& source);

}  // namespace chitu::device
