#pragma once

#include <string_view>

#include "chitu_core/memory/plan.h"
#include "pipelines/model/engine_options.h"
#include "pipelines/model/pipeline.h"

namespace chitu::pipelines {

/// Inputs of dry runs, for a device that need not be at hand: the dtypes that the options mean, and
/// the components of the checkpoint.
///
/// throws  InputError for an unknown dtype, and for a number of the profile that cannot be a rate;
///         as components_of()
memory::PlanRequest choices_on(c10::Device device, const EngineOptions& options);

/// The same for the device that the options name, which must be at hand. Configures "sim".
///
/// throws  InputError as above, and for a device that this machine does not have
memory::PlanRequest devices_of(const EngineOptions& options);

/// What the options choose for the models, which compute on this device.
///
/// throws  InputError for degrees of parallelism that do not fit each other
ModelChoices model_choices(const EngineOptions& options, c10::Device device);

/// The limits of device "sim": with a profile, its memory if no capacity is given.
device::SimOptions sim_options(const EngineOptions& options);

/// The dtype's name in a configuration: "bfloat16".
std::string_view dtype_name(at::ScalarType dtype);

}  // namespace chitu::pipelines
