#pragma once

#include <string>

#include "chitu_core/graph/graph.h"

namespace chitu::graph {

/// The graph as a table of stages and lifetimes, for a terminal.
std::string to_text(const Graph& graph);
/// As a Mermaid flowchart, with each component, its lifetime and the stages that use it.
std::string to_mermaid(const Graph& graph);
/// The same in Graphviz's DOT language.
std::string to_dot(const Graph& graph);
/// As one JSON document: stages with inputs, output and components, and component lifetimes.
std::string to_json(const Graph& graph);

}  // namespace chitu::graph
