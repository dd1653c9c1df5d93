#pragma once

#include <ATen/core/Tensor.h>
#include <c10/core/Device.h>

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

#include "pipelines/machine/disk_speed.h"

namespace chitu::pipelines {

/// Measured rates of a device; empty = not supported.
struct Calibration {
  std::string name;
  std::string device;  ///< without an index: "cuda"
  std::string where;   ///< the device's name in libtorch, threads, versions
  std::int64_t memory_bytes = 0;
  std::optional<Measured> bfloat16, float16, tfloat32, float32;
  Measured link, disk, memory;
};

struct CalibrationOptions {
  c10::Device device = c10::kCPU;
  std::filesystem::path disk_folder = ".";
  double seconds_each = 1.5;                          ///< for each figure
  std::int64_t most_bytes = std::int64_t{512} << 20;  ///< of what is copied and read
};

/// Measures this machine; takes less than a minute with the default options.
///
/// throws  InputError for a folder that is not writable; OutOfMemoryError
Calibration calibrate(const CalibrationOptions& options);

/// A file of the group device/profile: each figure with its method.
std::string to_yaml(const Calibration& calibration);

}  // namespace chitu::pipelines
