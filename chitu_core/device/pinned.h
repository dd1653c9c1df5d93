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

}  // namespace chitu::device
