#include "pipelines/api/pipeline_info.h"

#include "chitu_core/common/error.h"
#include "chitu_core/common/expected.h"

namespace chitu {

const StageInfo& PipelineInfo::stage(const std::string& name) const {
  std::vector<std::string> names;
  for (const StageInfo& stage : stages) {
    if (stage.name == name) return stage;
    names.push_back(stage.name);
  }
  throw InputError("the pipeline has no stage " + name + ", " + expected_one_of(name, names));
}

PipelineInfo api::pipeline_info(const graph::Graph& graph) {
  const auto& slots = graph.slots();
  const auto port = [&](std::size_t slot) -> InputPort {
    const std::size_t maker = slots[slot].maker;
    return {slots[slot].value_name,
            maker == graph::Graph::npos ? "input" : graph.stages()[maker].name};
  };
  PipelineInfo info;
  for (const graph::Graph::StageInfo& stage : graph.stages()) {
    StageInfo& described = info.stages.emplace_back();
    described.name = stage.name;
    for (const std::size_t slot : stage.inputs) described.inputs.push_back(port(slot));
    described.output = slots[stage.output].value_name;
    for (const memory::Component* component : stage.components)
      described.components.push_back(component->name());
  }
  return info;
}

}  // namespace chitu
