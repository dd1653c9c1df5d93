#pragma once

#include "chitu_core/common/registry.h"
#include "chitu_core/device/dry_run.h"
#include "chitu_core/graph/values.h"
#include "pipelines/model/value_stage.h"

namespace chitu {

/// A stage that changes the values of one type on their way through a pipeline: derive from
/// Stage<Latents>, Stage<Frames>, Stage<TextEmbeddings> or Stage<Tokens>, register it with
///
///     CHITU_REGISTER(chitu::StageExtension, FilmGrain, "film_grain");
///
/// and place it with model.stages='[{name: film_grain, after: decode_latents}]' or
/// EngineOptions::stages. Engine::pipeline() lists the stages and the types of their values.
template <graph::Value T>
using Stage = pipelines::ValueStage<T>;

using graph::Frames;
using graph::Latents;
using graph::TextEmbeddings;
using graph::Tokens;
using pipelines::StageExtension;
/// The part of a run that a stage sees: the memory plan, and check_stop().
using StageContext = graph::Context;
/// The request that a stage works on, with everything filled in.
using StageRequest = pipelines::Request;

/// Whether this is a dry run, in which tensors have shapes and no data.
using device::in_dry_run;

}  // namespace chitu
