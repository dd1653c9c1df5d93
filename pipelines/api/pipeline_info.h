#pragma once

#include "chitu/engine.h"
#include "chitu_core/graph/graph.h"

namespace chitu::api {

PipelineInfo pipeline_info(const graph::Graph& graph);

}  // namespace chitu::api
