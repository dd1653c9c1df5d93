#pragma once

#include <ATen/core/Tensor.h>

#include <functional>
#include <memory>
#include <vector>

#include "chitu_core/io/checkpoint.h"
#include "chitu_core/models/wan/transformer.h"

namespace chitu::pipelines::wan {

/// Embeds timesteps as a transformer does, for caches: cache::ModelFacts::embed_time.
///
/// Reads the time embedder's weights from the files and computes in float32 on one thread of the
/// CPU, so that the decisions made of it are the same on every device, at every level, with every
/// dtype, and in a plan. LoRAs are left out.
///
/// model       outlives the function
/// checkpoint  null, as in a plan from configs alone: returns an empty function
std::function<at::Tensor(const std::vector<double>& timesteps, bool projected)> time_signal(
    const models::WanTransformer3DModel& model, std::shared_ptr<const io::Checkpoint> checkpoint);

}  // namespace chitu::pipelines::wan
