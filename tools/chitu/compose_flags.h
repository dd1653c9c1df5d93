#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "tools/chitu/flags.h"

namespace chitu::tools {

/// Inputs of every subcommand that composes a configuration: the flags that say from what, and the
/// overrides. Names are Hydra's if Hydra has them.
struct ComposeFlags {
  std::optional<std::string> config_dir, config_path, config_name;
  std::vector<std::pair<std::string, std::string>> texts;  ///< keys and their texts, as typed
  std::vector<std::string> overrides;

  void declare(Flags& flags);
  /// The parts of declare().
  void declare_prompts(Flags& flags);
  void declare_general(Flags& flags);
  /// The flags as words to type again, without the texts.
  std::vector<std::string> words() const;
};

}  // namespace chitu::tools
