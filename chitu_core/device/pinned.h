#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

namespace chitu::device {

/// Pinned host memory, from which the device copies directly: uint8 [bytes]. libtorch's allocators
/// round requests up to powers of two, so allocate in one call what is used together. A dry run
/// counts the rounded size.
///
/// throws  c10::Error if the device or the system cannot pin it
at::Tensor pinned_memory(std::int64_t bytes, c10::Device device);

/// Host memory for weights on their way to a device: uint8 [bytes].
struct HostBuffer {
  at::Tensor bytes;
  bool pinned = false;  ///< copies from it run beside the computation
};

/// Pinned if that is asked for and possible; else pageable, with a warning if it was asked for.
HostBuffer host_buffer(std::int64_t bytes, c10::Device device, bool pin);

}  // namespace chitu::device
