#pragma once

#include "chitu_core/common/registry.h"
#include "pipelines/model/graph_builder.h"
#include "pipelines/model/model_folder.h"
#include "pipelines/model/pipeline.h"

namespace chitu {

/// A model family: opens the checkpoints whose model_index.json names one pipeline class. Register
/// it under that class name with
///
///     CHITU_REGISTER(chitu::PipelineFamily, MyFamily, "MyPipeline");
///
/// and choose it with a checkpoint: model.ckpt_dir=DIR or EngineOptions::ckpt_dir. A family builds
/// on the stages and components of chitu, whose headers are below chitu/detail/ and may change with
/// every minor version.
using pipelines::PipelineFamily;

using memory::ComponentRole;
using pipelines::GraphBuilder;
using pipelines::Job;
using pipelines::ModelChoices;
using pipelines::ModelFolder;
using pipelines::Pipeline;
using pipelines::RequestDefaults;
using pipelines::SizeSteps;

}  // namespace chitu
