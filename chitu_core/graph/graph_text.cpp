#include "chitu_core/graph/graph_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <range/v3/range/conversion.hpp>
#include <range/v3/view/filter.hpp>
#include <range/v3/view/transform.hpp>

#include "chitu_core/common/nearest.h"

namespace chitu::graph {
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

std::string span_of(const Graph& graph, const Graph::Lifetime& life) {
  return graph.stages()[life.first_stage].name + " .. " + graph.stages()[life.last_stage].name;
}

/// Calls visit(component, spans) for every component, with all its lifetimes.
void visit_components(const Graph& graph, auto&& visit) {
  const auto lifetimes = graph.lifetimes();
  for (auto life = lifetimes.begin(); life != lifetimes.end(); ++life) {
    const auto of_same = [&](const auto& other) { return other.component == life->component; };
    if (std::find_if(lifetimes.begin(), life, of_same) != life) continue;
    const auto spans = lifetimes | rv::filter(of_same) |
                       rv::transform([&](const auto& other) { return span_of(graph, other); }) |
                       ranges::to<std::vector<std::string>>();
    visit(life->component->name(), spans);
  }
}

/// Calls visit(component, stage) for every stage that uses a component.
void visit_uses(const Graph& graph, auto&& visit) {
  for (const Graph::StageInfo& stage : graph.stages())
    for (const memory::Component* component : stage.components)
      visit(component->name(), stage.name);
}

using Rows = std::vector<std::vector<std::string>>;

/// Columns as wide as their longest cell, two spaces apart.
std::string table(const Rows& rows) {
  std::vector<std::size_t> widths(rows.front().size());
  for (const auto& row : rows)
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
  std::string text;
  for (const auto& row : rows) {
    for (std::size_t i = 0; i < row.size(); ++i) text += fmt::format("{:<{}}  ", row[i], widths[i]);
    text.resize(text.find_last_not_of(' ') + 1);
    text += "\n";
  }
  return text;
}

/// Calls visit(from, value, to) for every arrow.
void visit_arrows(const Graph& graph, auto&& visit) {
  for (const Graph::StageInfo& stage : graph.stages())
    for (const std::size_t slot : stage.inputs)
      visit(maker_name(graph, slot), graph.slots()[slot].value_name, stage.name);
}

}  // namespace

std::string to_text(const Graph& graph) {
  Rows stages{{"stage", "reads", "makes", "component"}};
  for (const Graph::StageInfo& stage : graph.stages()) {
    std::vector<std::string> reads;
    for (const std::size_t slot : stage.inputs)
      reads.push_back(graph.slots()[slot].value_name + " of " + maker_name(graph, slot));
    stages.push_back(
        {stage.name, join(reads), graph.slots()[stage.output].value_name, component_names(stage)});
  }
  Rows lifetimes{{"component", "needed from .. to"}};
  for (const auto& life : graph.lifetimes())
    lifetimes.push_back({life.component->name(), span_of(graph, life)});
  return table(stages) + "\n" + table(lifetimes);
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
  visit_components(graph, [&](const auto& component, const auto& spans) {
    text += fmt::format("  component_{0}[(\"{0}<br/>{1}\")]\n", component, join(spans, "<br/>"));
  });
  visit_uses(graph, [&](const auto& component, const auto& stage) {
    text += fmt::format("  component_{} -.- {}\n", component, stage);
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
  visit_components(graph, [&](const auto& component, const auto& spans) {
    text += fmt::format("  component_{0} [shape=cylinder, label=\"{0}\\n{1}\"];\n", component,
                        join(spans, "\\n"));
  });
  visit_uses(graph, [&](const auto& component, const auto& stage) {
    text += fmt::format("  component_{} -> {} [style=dashed, arrowhead=none];\n", component, stage);
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

}  // namespace chitu::graph
