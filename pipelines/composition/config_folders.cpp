#include "pipelines/composition/config_folders.h"

namespace chitu::pipelines {
namespace fs = std::filesystem;

bool has_config(const fs::path& folder, const std::string& name) {
  std::error_code ignored;
  return fs::is_regular_file(folder / (name.ends_with(".yaml") ? name : name + ".yaml"), ignored);
}

ConfigFolders with_shipped_configs(const NamedConfigs& named, const fs::path& shipped) {
  ConfigFolders found{{}, named.config_name.value_or(kPrimaryConfig), true};
  const auto add = [&](const std::optional<fs::path>& folder, const char* provider) {
    const bool first = found.search_path.empty();
    if (folder) found.search_path.push_back({*folder, first ? "main" : provider});
  };
  const std::optional<fs::path> path = named.config_path, dir = named.config_dir;
  const bool named_in_dir = !path && dir && named.config_name &&
                            !has_config(shipped, *named.config_name) &&
                            has_config(*dir, *named.config_name);
  add(path, "main");
  if (!path && !named_in_dir) add(shipped, "chitu");
  add(dir, "command-line");
  if (path || named_in_dir) add(shipped, "chitu");
  return found;
}

}  // namespace chitu::pipelines
