#pragma once

#include <c10/core/Device.h>
#include <c10/core/ScalarType.h>

#include <optional>

#include "pipelines/machine/device_profile.h"

namespace chitu::pipelines {

/// The peak rate of arithmetic in this dtype. For float32 that is the rate of TF32 if there is one,
/// since libtorch's convolutions use it; for a dtype without a rate in the profile, the fastest
/// rate. Empty if the profile has none.
std::optional<double> rate_of(const DeviceProfile& profile, at::ScalarType dtype);

/// Whether these figures describe such a device. For the simulated device they may describe any.
bool describes(const DeviceProfile& profile, c10::Device computes_on);

}  // namespace chitu::pipelines
