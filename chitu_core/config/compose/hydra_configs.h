#pragma once

#include <memory>
#include <string>
#include <vector>

namespace chitu::config {

struct LoadedConfig;

/// Hydra's own configurations: most are found before the user's files, the schemas after them.
enum class BuiltIn : bool { first, last };

/// `hydra/job_logging/default` and the like, or null.
std::shared_ptr<const LoadedConfig> built_in_config(const std::string& config_path, BuiltIn which);

bool built_in_group(const std::string& group_path);
std::vector<std::string> built_in_options(const std::string& group_path);
std::vector<std::string> built_in_groups(const std::string& group_path);

/// The name of the empty configuration that composing without a config name begins from.
inline constexpr const char* kEmptyConfig = "_dummy_empty_config_";

/// The version of Hydra whose rules these are.
inline constexpr const char* kHydraVersion = "1.3.8";

}  // namespace chitu::config
