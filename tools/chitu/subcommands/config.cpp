#include <iostream>

#include "chitu_core/common/error.h"
#include "chitu_core/common/registry.h"
#include "tools/chitu/composing_subcommand.h"
#include "tools/chitu/config_command.h"
#include "tools/chitu/print_flags.h"

namespace chitu::tools {
namespace {

class Config final : public ComposingSubcommand<ConfigFlags> {
  Description describe() const override {
    return {SubcommandGroup::look_ahead,
            "print the composed configuration, or where its values come from",
            "Composes a configuration and prints it, or explains how it was composed.",
            {{"chitu config", "every key and its value"},
             {"chitu config model=demo request.seed=7 --package request", "one part"},
             {"chitu config --explain infer.dtype", "every file and override that set a key"},
             {"chitu config --origin", "each value with its file and line"},
             {"chitu config --cfg hydra --resolve --format json", "Hydra's own node"}}};
  }

  ConfigTrees trees() const override { return ConfigTrees::any; }

  int execute(const ConfigFlags& options, EngineLibrary&) const override {
    if (options.merge && !options.file) throw InputError("--merge needs --file");
    config_command(options, compose_request(options, trees()), std::cout, std::cerr);
    return 0;
  }
};

CHITU_REGISTER(Subcommand, Config, "config");

}  // namespace
}  // namespace chitu::tools
