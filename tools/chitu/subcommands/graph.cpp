#include "chitu_core/common/registry.h"
#include "tools/chitu/composing_subcommand.h"
#include "tools/chitu/graph_call.h"
#include "tools/chitu/job.h"

namespace chitu::tools {
namespace {

struct GraphFlags : ComposeFlags {
  GraphCall call;

  void declare(Flags& flags) {
    ComposeFlags::declare(flags);
    flags.add("--format", "text|mermaid|dot|json", "how to print the graph", call.format);
    flags.add("--json", "", "short for --format json",
              [this](const Words&) { call.format = "json"; });
  }
};

class Graph final : public ComposingSubcommand<GraphFlags> {
  Description describe() const override {
    return {SubcommandGroup::look_ahead,
            "print the stages, their components and lifetimes",
            "Prints the stages of the model's pipeline: what each reads, makes and uses.",
            {{"chitu graph", "the demo model"},
             {"chitu graph model.ckpt_dir=DIR", "another model; its weights are not read"},
             {"chitu graph --format mermaid", "for Markdown; dot for Graphviz"}}};
  }

  int execute(const GraphFlags& options, EngineLibrary& engine) const override {
    GraphCall call = options.call;
    call.composition = config::compose(compose_request(options, trees()));
    return look_ahead(std::move(call), engine);
  }
};

CHITU_REGISTER(Subcommand, Graph, "graph");

}  // namespace
}  // namespace chitu::tools
