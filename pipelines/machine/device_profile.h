#pragma once

#include <c10/core/Device.h>
#include <c10/core/ScalarType.h>

#include <cstdint>
#include <optional>
#include <string>

namespace chitu::pipelines {

/// Dense rates in multiplications and additions per second; empty = unknown or not supported.
struct ArithmeticRates {
  std::optional<double> bfloat16, float16, float8, tfloat32, float32;
  bool operator==(const ArithmeticRates&) const = default;
};

/// Peak rates of a device: from its datasheet, or measured by `chitu calibrate`.
struct DeviceProfile {
  std::string name;
  std::string device;  ///< "cpu", "cuda": the device that plans use for "auto"; empty = any
  std::optional<std::int64_t> memory_bytes;
  ArithmeticRates flops;
  /// Bytes per second: between host and device one way, from disk, and of the device's own memory.
  std::optional<double> link_bandwidth, disk_bandwidth, memory_bandwidth;

  /// The peak rate of arithmetic in this dtype. For float32 that is the rate of TF32 if there is
  /// one, since libtorch's convolutions use it; for a dtype without a rate in the profile, the
  /// fastest rate. Empty if the profile has none.
  std::optional<double> rate_of(at::ScalarType dtype) const;
  /// Whether these figures describe such a device. For the simulated device they may describe any.
  bool describes(c10::Device computes_on) const;
  bool operator==(const DeviceProfile&) const = default;
};

}  // namespace chitu::pipelines
