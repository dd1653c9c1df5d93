#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "chitu_core/config/compose/compose.h"

namespace chitu::pipelines {

/// The primary config that chitu ships.
inline constexpr const char* kPrimaryConfig = "chitu";

/// Where configurations are looked for, and the primary config.
struct ConfigFolders {
  std::vector<config::SearchPathEntry> search_path;
  std::string config_name;   ///< empty = no primary config
  bool with_chitus = false;  ///< the shipped configurations are among them
};

/// What a user names in addition to the shipped configurations; see find_config_folders() of the
/// command.
struct NamedConfigs {
  std::optional<std::string> config_path, config_dir, config_name;
};

/// Whether a folder has a config of this name, with or without `.yaml`.
bool has_config(const std::filesystem::path& folder, const std::string& name);

/// The folders of the shipped configurations and additions to them, in the order in which they are
/// searched: first that of the primary config, then the others.
///
/// shipped  the folder that chitu ships
ConfigFolders with_shipped_configs(const NamedConfigs& named, const std::filesystem::path& shipped);

}  // namespace chitu::pipelines
