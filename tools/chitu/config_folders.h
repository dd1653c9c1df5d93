#pragma once

#include <filesystem>

#include "pipelines/composition/config_folders.h"
#include "tools/chitu/compose_flags.h"

namespace chitu::tools {

/// Which configurations a subcommand composes: those that chitu ships and additions to them, or
/// also the trees of other Hydra applications, as `chitu config` does.
enum class ConfigTrees { chitus, any };

using pipelines::ConfigFolders;

/// The folders of --config-path and --config-dir and the one that chitu ships, in the order in
/// which they are searched. The rule is the same for all subcommands:
///
/// - The folder of the primary config comes first: --config-path; or --config-dir when it holds the
///   config that --config-name names; else the shipped one, with `chitu` as the primary config.
/// - The other folders follow: --config-dir, then the shipped one.
///
/// `chitu config` also prints the trees of other Hydra applications. Such a tree in --config-dir is
/// composed by itself, and from nothing when no --config-name is given:
///
/// - It has configs at its top, one of which --config-name names; without --config-name, it also
///   has no folder with the name of one of chitu's groups, and the next rule holds for every config
///   at its top:
/// - Neither that config, nor what it includes, nor an override names a config that only chitu has;
///   without --config-name, no override is about one of chitu's groups or keys either.
///
/// shipped  the folder that chitu ships
/// throws   InputError for a folder that does not exist
ConfigFolders find_config_folders(const ComposeFlags& flags, ConfigTrees trees,
                                  const std::filesystem::path& shipped);

}  // namespace chitu::tools
