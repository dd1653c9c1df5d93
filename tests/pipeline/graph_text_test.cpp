#include "chitu_core/pipeline/graph_text.h"

#include "tests/pipeline/toy_stages.h"
#include "tests/support/catch.h"

namespace chitu::pipeline {
namespace {

TEST_CASE("a graph is printed as text, Mermaid and DOT", "[pipeline]") {
  const testing::TemporaryFolder folder;
  const auto vae = toy_component(folder, "vae", 4);
  Graph graph;
  const auto number = graph.input<Number>();
  graph.add(Multiply{}, number, graph.add(Add{vae.get()}, number));

  using Catch::ContainsSubstring;
  CHECK_THAT(to_text(graph), ContainsSubstring("Number of input, Number of add") &&
                                 ContainsSubstring("vae              add .. add"));
  CHECK(to_mermaid(graph) ==
        "flowchart LR\n"
        "  input([input])\n"
        "  add[\"add<br/>vae\"]\n"
        "  multiply[\"multiply\"]\n"
        "  input -->|Number| add\n"
        "  input -->|Number| multiply\n"
        "  add -->|Number| multiply\n");
  CHECK_THAT(to_dot(graph), ContainsSubstring("add -> multiply [label=\"Number\"];"));
}

}  // namespace
}  // namespace chitu::pipeline
