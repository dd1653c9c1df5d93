#pragma once

#include <optional>
#include <string>

#include "tools/chitu/compose_flags.h"

namespace chitu::tools {

/// The flags that print a configuration, or how it is composed. `chitu run` has most of them, as
/// every Hydra application does; `chitu config` has all.
struct PrintFlags : ComposeFlags {
  std::optional<std::string> cfg, info, explain, diff, parse_override, file, merge;
  std::string format = "yaml";
  std::string package;
  bool resolve = false;
  bool multirun = false;
  bool origin = false;
  bool hydra_help = false;

  /// Declares the flags that both subcommands have, without those of ComposeFlags.
  void declare_printing(Flags& flags);

  /// True when a flag asks for something to be printed, so that `chitu run` does not run.
  bool only_prints() const { return cfg || info || explain || diff || origin || hydra_help; }
};

/// The flags of `chitu config`.
struct ConfigFlags : PrintFlags {
  void declare(Flags& flags);
};

}  // namespace chitu::tools
