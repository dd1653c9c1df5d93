#pragma once

#include <string_view>

#include "chitu_core/memory/plan.h"
#include "pipelines/model/engine_options.h"
#include "pipelines/model/pipeline.h"

namespace chitu::pipelines {

/// What plans on a device, which need not be at hand, are made for: the dtypes that the options
/// mean, and the components of their checkpoint.
///
/// throws  InputError for a name that is no dtype; as components_of
memory::PlanRequest choices_on(c10::Device device, const EngineOptions& options);

/// The same on the device that the options name, which must be at hand. "sim" is configured.
///
/// throws  InputError likewise, and for a device that is not there
memory::PlanRequest devices_of(const EngineOptions& options);

/// What the options choose for the models, which compute on this device.
ModelChoices model_choices(const EngineOptions& options, c10::Device device);

/// What device "sim" allows: of a profile, its memory where no capacity is given.
device::SimOptions sim_options(const EngineOptions& options);

/// As a configuration writes it: "bfloat16".
std::string_view dtype_name(at::ScalarType dtype);

}  // namespace chitu::pipelines
