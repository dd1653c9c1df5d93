#pragma once

#include <c10/core/Device.h>
#include <c10/core/ScalarType.h>

#include <optional>

#include "pipelines/machine/device_profile.h"

namespace chitu::pipelines {

/// The most that arithmetic in this dtype comes to. In float32 that is the rate of TF32, which
/// libtorch's convolutions take where there is one; of a dtype that the profile does not know,
/// the fastest that it does. Empty when it knows none.
std::optional<double> rate_of(const DeviceProfile& profile, at::ScalarType dtype);

/// Whether these are figures of such a device. Of the simulated one they may be of any that it
/// stands for.
bool describes(const DeviceProfile& profile, c10::Device computes_on);

}  // namespace chitu::pipelines
