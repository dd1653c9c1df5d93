#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

namespace chitu::device {

/// Host memory that the device's copies reach without a detour: uint8 [bytes]. libtorch's
/// allocators round such requests up to powers of two, so what belongs together is asked for at
/// once; a plan counts what is taken.
///
/// throws  c10::Error where the device, or the system, pins none
at::Tensor pinned_memory(std::int64_t bytes, c10::Device device);

}  // namespace chitu::device
