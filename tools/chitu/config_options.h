#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace chitu::tools {

/// The command line of `chitu config`, taken apart.
struct ConfigOptions {
  std::optional<std::string> config_dir, config_path, config_name;
  std::string format = "yaml";
  std::string cfg = "job";
  std::string package;
  std::optional<std::string> info, explain, diff, parse_override, file, merge;
  std::vector<std::pair<std::string, std::string>> texts;
  std::vector<std::string> overrides;
  bool resolve = false;
  bool multirun = false;
  bool origin = false;
  bool help = false;
  bool hydra_help = false;
};

/// Throws InputError for an unknown flag, with the nearest one, and for a missing value.
ConfigOptions parse_config_options(const std::vector<std::string>& args);

/// The flags, one line each.
std::string config_flags_help();

}  // namespace chitu::tools
