#pragma once

#include <string_view>

#include "chitu_core/memory/plan.h"
#include "pipelines/model/engine_options.h"

namespace chitu::pipelines {

/// What plans on a device, which need not be at hand, are made for: the dtypes that the options
/// mean, and the components of their checkpoint.
///
/// throws  InputError for a name that is no dtype, and for numbers of the profile that are no
/// rates;
///         as components_of
memory::PlanRequest choices_on(c10::Device device, const EngineOptions& options);

/// The same on the device that the options name, which must be at hand. "sim" is configured.
///
/// throws  InputError likewise, and for a device that is not there
memory::PlanRequest devices_of(const EngineOptions& options);

/// What device "sim" allows: of a profile, its memory where no capacity is given.
device::SimOptions sim_options(const EngineOptions& options);

/// As a configuration writes it: "bfloat16".
std::string_view dtype_name(at::ScalarType dtype);

}  // namespace chitu::pipelines
