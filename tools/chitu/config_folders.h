#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "chitu_core/config/compose.h"
#include "tools/chitu/command_flags.h"

namespace chitu::tools {

/// Where a subcommand looks for configurations, and the one it begins with.
struct ConfigFolders {
  std::vector<config::SearchPathEntry> search_path;
  std::string config_name;   ///< empty begins from nothing
  bool with_chitus = false;  ///< the configurations that chitu ships are among them
};

/// The folders of --config-path and --config-dir and the one that chitu ships, in the order in
/// which they are searched. All subcommands go by the same rule:
///
/// - The folder of the primary config comes first: --config-path; or --config-dir when it holds the
///   config that --config-name names; else the shipped one, with `chitu` as the primary config.
/// - The other folders follow: --config-dir, then the shipped one.
///
/// `chitu config` also prints the trees of other Hydra applications. Such a tree in --config-dir is
/// composed by itself, and from nothing when no --config-name is given:
///
/// - It has configs of its own at its top, one of which --config-name names; without --config-name,
///   it has also no folder named as a group of chitu's, and that goes for every config at its top:
/// - Neither that config, nor what it includes, nor an override names a config that only chitu has;
///   without --config-name, no override is of a group or key of chitu's either.
///
/// shipped  the folder that chitu ships; empty when there is none
/// throws   InputError for a folder that is not there
ConfigFolders find_config_folders(const CommandFlags& flags, Subcommand subcommand,
                                  const std::optional<std::filesystem::path>& shipped);

}  // namespace chitu::tools
