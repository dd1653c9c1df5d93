#include <iostream>
#include <optional>

#include "chitu_core/common/cpu_capability.h"
#include "chitu_core/common/error.h"
#include "chitu_core/common/registry.h"
#include "tools/chitu/composing_subcommand.h"
#include "tools/chitu/config_command.h"
#include "tools/chitu/job.h"
#include "tools/chitu/print_flags.h"
#include "tools/chitu/sweep_command.h"

namespace chitu::tools {
namespace {

struct RunFlags : PrintFlags {
  bool json = false;

  void declare(Flags& flags) {
    ComposeFlags::declare(flags);
    flags.add("--profile", "", "debug.profile=true: write trace.json, memory.svg, operators.txt",
              [this](const Words&) { overrides.emplace_back("++debug.profile=true"); });
    flags.add("--json", "",
              "print the folder, files and metrics of each run as one line of JSON, or what the "
              "other flags print",
              [this](const Words&) {
                json = true;
                format = "json";
              });
    declare_printing(flags);
  }
};

/// The configuration of one run; nothing when it asks for a sweep itself.
std::optional<config::Composition> compose_single(const config::ComposeRequest& request) {
  try {
    auto composition = config::compose(request);
    if (!asks_for_sweep(composition)) return composition;
  } catch (const InputError&) {
    // With hydra.mode=MULTIRUN, a sweep among the overrides is no mistake.
    auto sweepable = request;
    sweepable.multirun = true;
    if (!asks_for_sweep(config::compose(sweepable))) throw;
  }
  return std::nullopt;
}

class Run final : public ComposingSubcommand<RunFlags> {
  Description describe() const override {
    return {SubcommandGroup::generate,
            "turn a prompt into media in outputs/<date>/<time>/ (the default)",
            "Composes a configuration, generates, and writes outputs/<date>/<time>/.",
            {{"chitu run prompt=\"a red circle moving right\"", "the demo model"},
             {"chitu run --prompt \"a cat, on the grass\" seed=7", "--prompt may hold commas"},
             {"chitu run model.ckpt_dir=DIR prompt=\"a cat\" width=832 height=480", ""},
             {"chitu run prompt=\"a cat\" infer.vram_limit=6GiB", "the fastest plan below a limit"},
             {"chitu run --multirun prompt=\"a cat\",\"a dog\" seed=1,2", "four jobs"}}};
  }

  int execute(const RunFlags& options, EngineLibrary& engine) const override {
    const auto request = compose_request(options, trees());
    if (options.only_prints()) {
      config_command(options, request, std::cout, std::cerr);
      return 0;
    }
    cpu_capability();  // a wrong CHITU_CPU_CAPABILITY is reported once, not by every job
    if (!options.multirun)
      if (auto single = compose_single(request)) {
        RunCall call{.composition = std::move(*single)};
        call.json = options.json;
        call.compose_flags = options.words();
        return run_once(std::move(call), engine);
      }
    return run_sweep(request, options.json, engine);
  }
};

CHITU_REGISTER(Subcommand, Run, "run");

}  // namespace
}  // namespace chitu::tools
