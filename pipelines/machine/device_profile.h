#pragma once

#include <c10/core/Device.h>
#include <c10/core/ScalarType.h>

#include <cstdint>
#include <optional>
#include <string>

namespace chitu::pipelines {

/// Dense rates in multiplications and additions a second; empty = not known, or the device cannot.
struct ArithmeticRates {
  std::optional<double> bfloat16, float16, float8, tfloat32, float32;
  bool operator==(const ArithmeticRates&) const = default;
};

/// What a device does at best: from its datasheet, or measured by `chitu calibrate`.
struct DeviceProfile {
  std::string name;
  std::string device;  ///< "cpu", "cuda": what plans take device "auto" for; empty = any
  std::optional<std::int64_t> memory_bytes;
  ArithmeticRates flops;
  /// Bytes a second: between host and device one way, from disk, and of the device's own memory.
  std::optional<double> link_bandwidth, disk_bandwidth, memory_bandwidth;

  /// The most that arithmetic in this dtype comes to. In float32 that is the rate of TF32, which
  /// libtorch's convolutions take where there is one; of a dtype that the profile does not know,
  /// the fastest that it does. Empty when it knows none.
  std::optional<double> rate_of(at::ScalarType dtype) const;
  /// Whether these are figures of such a device. Of the simulated one they may be of any that it
  /// stands for.
  bool describes(c10::Device computes_on) const;
  bool operator==(const DeviceProfile&) const = default;
};

}  // namespace chitu::pipelines
