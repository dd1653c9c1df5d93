#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace chitu::tools {

/// The subcommands that compose a configuration.
enum class Subcommand : unsigned { config = 1, run = 2, graph = 4, plan = 8 };

/// The flags and overrides of one of them, taken apart. The names are Hydra's where Hydra has them.
struct CommandFlags {
  std::optional<std::string> config_dir, config_path, config_name;
  std::string format;  ///< of what is printed; the first one allowed when not given
  std::optional<std::string> cfg, info, explain, diff, parse_override, file, merge;
  std::string package;
  std::vector<std::pair<std::string, std::string>> texts;  ///< taken as they are
  std::vector<std::string> overrides;
  std::optional<std::string> fit;
  bool explain_peaks = false;
  bool dry = false;
  bool resolve = false;
  bool multirun = false;
  bool origin = false;
  bool help = false;
  bool hydra_help = false;

  /// True when a flag asks for something to be printed, so that `chitu run` does not run.
  bool only_prints() const;
};

/// Throws InputError for a flag that the subcommand does not have, with the nearest one, and for a
/// missing or an unknown value.
CommandFlags parse_flags(const std::vector<std::string>& args, Subcommand subcommand);

/// The flags of a subcommand, one line each.
std::string flags_help(Subcommand subcommand);

/// For completion: the names of the flags of a subcommand, what stands for the values of one of
/// them in its help (KEY, FILE), and the values that it takes: nothing for a switch or an unknown
/// flag, an empty list when any text will do.
std::vector<std::string> flag_names(Subcommand subcommand);
std::vector<std::string> flag_placeholders(const std::string& name, Subcommand subcommand);
std::optional<std::vector<std::string>> flag_values(const std::string& name, Subcommand subcommand);

}  // namespace chitu::tools
