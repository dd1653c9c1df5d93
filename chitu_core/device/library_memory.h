#pragma once

#include <c10/core/Device.h>

#include <cstdint>

namespace chitu::device {

/// Bytes that libtorch's libraries take on an accelerator at their first matrix product and keep
/// until the process ends, such as the workspace of cuBLAS. Measured by a small product, once per
/// device. 0 on the CPU and on the simulated device.
std::int64_t library_bytes(c10::Device device);

}  // namespace chitu::device
