#pragma once

#include <filesystem>
#include <functional>

#include "pipelines/convert/convert_plan.h"

namespace chitu::pipelines {

/// Writes the weights of a component as one safetensors file. Holds at most one matrix in float32,
/// or 64 MiB of other weights.
///
/// between  called between tensors; what it throws ends the work
/// throws   InputError when the file cannot be written, or a weight is not finite in its new
///          dtype
void write_component(const io::Checkpoint& weights, const ConvertPlan& plan,
                     const std::filesystem::path& file, const std::function<void()>& between);

}  // namespace chitu::pipelines
