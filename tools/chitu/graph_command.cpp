#include <iostream>

#include "chitu_core/device/compute_threads.h"
#include "chitu_core/graph/graph_text.h"
#include "pipelines/engine.h"
#include "pipelines/settings/settings.h"
#include "tools/chitu/engine_command.h"
#include "tools/chitu/graph_call.h"

namespace chitu::tools {
namespace {

/// Everything but the request: a graph needs no prompt.
pipelines::Settings engine_settings(const config::Composition& composition) {
  pipelines::Settings settings;
  settings.model = config::read<pipelines::ModelSettings>(composition["model"]);
  settings.infer = config::read<pipelines::InferSettings>(composition["infer"]);
  settings.memory = config::read<memory::RoleStates>(composition["memory"]);
  settings.device = config::read<pipelines::DeviceSettings>(composition["device"]);
  return settings;
}

std::string text_of(const graph::Graph& graph, const std::string& format) {
  if (format == "mermaid") return graph::to_mermaid(graph);
  if (format == "dot") return graph::to_dot(graph);
  if (format == "json") return graph::to_json(graph);
  return graph::to_text(graph);
}

class GraphCommand final : public EngineCommandFor<GraphCall> {
  int execute(const GraphCall& call, SessionState&) const override {
    device::start_compute_threads_or_go_alone();  // opening a model computes next to nothing
    const pipelines::Settings settings = engine_settings(call.composition);
    const pipelines::Engine engine(settings.engine_options());
    std::cout << text_of(engine.graph(), call.format);
    return 0;
  }
};

CHITU_REGISTER(EngineCommand, GraphCommand, GraphCall::kCommand);

}  // namespace
}  // namespace chitu::tools
