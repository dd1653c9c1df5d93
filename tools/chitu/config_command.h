#pragma once

#include <filesystem>
#include <iosfwd>
#include <string>
#include <vector>

namespace chitu::tools {

/// What `chitu config` composes when the command line names nothing.
struct ConfigCommandDefaults {
  std::filesystem::path tree;  ///< the built-in tree of YAML files
  std::string config_name = "chitu";
};

/// `chitu config [flags] [override...]`: composes a configuration and prints it, or explains how it
/// was composed. `args` are the words after `config`. Returns the exit code: 0, or 2 with a message
/// on `err` and nothing on `out` when the input is wrong.
///
/// --config-dir alone is the only place searched, and with no --config-name composition starts from
/// nothing; with --config-path, or the built-in tree, it is searched after them.
int config_command(const std::vector<std::string>& args, std::ostream& out, std::ostream& err,
                   const ConfigCommandDefaults& defaults = {});

}  // namespace chitu::tools
