#pragma once

#include <memory>
#include <string>
#include <vector>

namespace chitu::config {

struct LoadedConfig;

/// Whether a built-in config is searched before or after the user's files. Schemas come last.
enum class BuiltIn : bool { first, last };

/// `hydra/job_logging/default` and the like, or null.
std::shared_ptr<const LoadedConfig> built_in_config(const std::string& config_path, BuiltIn which);

bool built_in_group(const std::string& group_path);
std::vector<std::string> built_in_options(const std::string& group_path);
std::vector<std::string> built_in_groups(const std::string& group_path);

/// Name of the empty config that is the primary config when none is named.
inline constexpr const char* kEmptyConfig = "_dummy_empty_config_";

/// The version of Hydra that composition follows.
inline constexpr const char* kHydraVersion = "1.3.8";

}  // namespace chitu::config
