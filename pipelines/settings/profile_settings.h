#pragma once

#include <optional>
#include <string>

#include "chitu_core/config/bind/binder.h"
#include "pipelines/machine/device_profile.h"

namespace chitu::pipelines {

/// The node `device.profile.flops`.
struct RateSettings : ArithmeticRates {
  void bind(config::Binder& binder);
};

/// The group `device/profile`.
struct ProfileSettings {
  std::string name = "a device";
  std::optional<std::string> device;
  std::optional<config::Bytes> memory;
  RateSettings flops;
  std::optional<config::BytesPerSecond> link_bandwidth, disk_bandwidth, memory_bandwidth;
  void bind(config::Binder& binder);

  DeviceProfile device_profile() const;
};

}  // namespace chitu::pipelines
