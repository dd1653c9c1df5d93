#include "chitu_core/pipeline/graph_text.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <range/v3/range/conversion.hpp>
#include <range/v3/view/transform.hpp>

#include "chitu_core/common/nearest.h"

namespace chitu::pipeline {
namespace rv = ranges::views;

namespace {

std::string component_names(const Graph::StageInfo& stage) {
  return join(stage.components | rv::transform(&memory::Component::name) |
              ranges::to<std::vector<std::string>>());
}

std::string maker_name(const Graph& graph, std::size_t slot) {
  const std::size_t maker = graph.slots()[slot].maker;
  return maker == Graph::npos ? "input" : graph.stages()[maker].name;
}

/// Calls visit(from, value, to) for every arrow.
void visit_arrows(const Graph& graph, auto&& visit) {
  for (const Graph::StageInfo& stage : graph.stages())
    for (const std::size_t slot : stage.inputs)
      visit(maker_name(graph, slot), graph.slots()[slot].value_name, stage.name);
}

}  // namespace

std::string to_text(const Graph& graph) {
  std::string text =
      fmt::format("{:<16} {:<38} {:<16} {}\n", "stage", "reads", "makes", "component");
  for (const Graph::StageInfo& stage : graph.stages()) {
    std::vector<std::string> reads;
    for (const std::size_t slot : stage.inputs)
      reads.push_back(graph.slots()[slot].value_name + " of " + maker_name(graph, slot));
    text += fmt::format("{:<16} {:<38} {:<16} {}\n", stage.name, join(reads),
                        graph.slots()[stage.output].value_name, component_names(stage));
  }
  text += fmt::format("\n{:<16} {}\n", "component", "needed from .. to");
  for (const auto& life : graph.lifetimes())
    text +=
        fmt::format("{:<16} {} .. {}\n", life.component->name(),
                    graph.stages()[life.first_stage].name, graph.stages()[life.last_stage].name);
  return text;
}

std::string to_mermaid(const Graph& graph) {
  std::string text = "flowchart LR\n  input([input])\n";
  for (const Graph::StageInfo& stage : graph.stages()) {
    const std::string used = component_names(stage);
    text +=
        fmt::format("  {}[\"{}{}\"]\n", stage.name, stage.name, used.empty() ? "" : "<br/>" + used);
  }
  visit_arrows(graph, [&](const auto& from, const auto& value, const auto& to) {
    text += fmt::format("  {} -->|{}| {}\n", from, value, to);
  });
  return text;
}

std::string to_dot(const Graph& graph) {
  std::string text = "digraph pipeline {\n  rankdir=LR;\n  input [shape=ellipse];\n";
  for (const Graph::StageInfo& stage : graph.stages()) {
    const std::string used = component_names(stage);
    text += fmt::format("  {} [shape=box, label=\"{}{}\"];\n", stage.name, stage.name,
                        used.empty() ? "" : "\\n" + used);
  }
  visit_arrows(graph, [&](const auto& from, const auto& value, const auto& to) {
    text += fmt::format("  {} -> {} [label=\"{}\"];\n", from, to, value);
  });
  return text + "}\n";
}

std::string to_json(const Graph& graph) {
  using nlohmann::json;
  json stages = json::array(), lifetimes = json::array();
  for (const Graph::StageInfo& stage : graph.stages()) {
    json inputs = json::array(), components = json::array();
    for (const std::size_t slot : stage.inputs)
      inputs.push_back(
          {{"from", maker_name(graph, slot)}, {"value", graph.slots()[slot].value_name}});
    for (const memory::Component* component : stage.components)
      components.push_back(component->name());
    stages.push_back({{"name", stage.name},
                      {"inputs", inputs},
                      {"output", graph.slots()[stage.output].value_name},
                      {"components", components}});
  }
  for (const auto& life : graph.lifetimes())
    lifetimes.push_back({{"component", life.component->name()},
                         {"first_stage", graph.stages()[life.first_stage].name},
                         {"last_stage", graph.stages()[life.last_stage].name}});
  return json{{"stages", stages}, {"lifetimes", lifetimes}}.dump(1) + "\n";
}

}  // namespace chitu::pipeline
