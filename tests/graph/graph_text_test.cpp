#include "chitu_core/graph/graph_text.h"

#include "tests/graph/toy_stages.h"
#include "tests/support/catch.h"

namespace chitu::graph {
namespace {

TEST_CASE("a graph is printed as text, Mermaid and DOT", "[pipeline]") {
  const testing::TemporaryFolder folder;
  const auto vae = toy_component(folder, "vae", 4);
  Graph graph;
  const auto number = graph.input<Number>();
  graph.add(Multiply{}, number, graph.add(Add{vae.get()}, number));

  using Catch::ContainsSubstring;
  CHECK(to_text(graph) ==
        "stage     reads                           makes   component\n"
        "add       Number of input                 Number  vae\n"
        "multiply  Number of input, Number of add  Text\n"
        "\n"
        "component  needed from .. to\n"
        "vae        add .. add\n");
  CHECK(to_mermaid(graph) ==
        "flowchart LR\n"
        "  input([input])\n"
        "  add[\"add<br/>vae\"]\n"
        "  multiply[\"multiply\"]\n"
        "  input -->|Number| add\n"
        "  input -->|Number| multiply\n"
        "  add -->|Number| multiply\n"
        "  component_vae[(\"vae<br/>add .. add\")]\n"
        "  component_vae -.- add\n");
  CHECK_THAT(to_dot(graph),
             ContainsSubstring("add -> multiply [label=\"Number\"];") &&
                 ContainsSubstring("  component_vae [shape=cylinder, label=\"vae\\nadd .. add\"];\n"
                                   "  component_vae -> add [style=dashed, arrowhead=none];\n"));
}

}  // namespace
}  // namespace chitu::graph
