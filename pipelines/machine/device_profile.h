#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "pipelines/machine/rank_links.h"

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
  RankLinks links{};  ///< between ranks; known of the machines, not of the device

  bool operator==(const DeviceProfile&) const = default;
};

}  // namespace chitu::pipelines
