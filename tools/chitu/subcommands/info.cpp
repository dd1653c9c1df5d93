#include "chitu_core/common/registry.h"
#include "tools/chitu/info_call.h"
#include "tools/chitu/plain_subcommand.h"

namespace chitu::tools {
namespace {

class Info final : public PlainSubcommand<InfoCall> {
  Description describe() const override {
    return {SubcommandGroup::machine,
            "list devices, libraries, and the models, strategies and backends there are",
            "Prints devices, libraries and what is registered: models, schedulers, backends, "
            "strategies.",
            {{"chitu info", ""}, {"chitu info --json", "for a program"}}};
  }

  void declare(CLI::App& app, InfoCall& call) const override {
    app.add_flag("--json", call.json, "print JSON");
  }
};

CHITU_REGISTER(Subcommand, Info, "info");

}  // namespace
}  // namespace chitu::tools
