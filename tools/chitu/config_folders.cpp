#include "tools/chitu/config_folders.h"

#include <algorithm>
#include <set>

#include "chitu_core/common/error.h"
#include "chitu_core/config/compose/repository.h"
#include "chitu_core/config/override/override.h"
#include "pipelines/composition/short_forms.h"

namespace chitu::tools {
namespace fs = std::filesystem;

namespace {

/// A tree of configurations in --config-dir, beside the one that chitu ships.
class OwnTree {
 public:
  OwnTree(const fs::path& folder, const fs::path& shipped)
      : own_({{folder}}), shipped_({{shipped}}) {}

  /// Configs at the top, none of which needs chitu's, and no folder that adds to a group of
  /// chitu's.
  bool is_application() {
    const auto groups = own_.groups(""), configs = own_.options("");
    return !configs.empty() &&
           std::none_of(groups.begin(), groups.end(),
                        [&](const std::string& group) { return is_chitus(group); }) &&
           std::none_of(configs.begin(), configs.end(),
                        [&](const std::string& config) { return includes_chitus(config); });
  }

  /// Whether a config, or one that it includes, needs one that only chitu has.
  bool includes_chitus(const std::string& config_path) {
    if (!seen_.insert(config_path).second) return false;
    if (!own_.is_config(config_path)) return shipped_.is_config(config_path);
    const std::size_t slash = config_path.rfind('/');
    const std::string group = slash == std::string::npos ? "" : config_path.substr(0, slash);
    const auto entries = own_.load(config_path)->defaults;
    return std::any_of(entries.begin(), entries.end(), [&](config::DefaultsEntry entry) {
      entry.set_parent(group, "");
      return entry_needs_chitus(entry);
    });
  }

  /// Whether an override chooses a config that only chitu has, or one that includes such.
  bool chooses_chitus(const config::Override& given) {
    if (!given.value.is_string() || given.key.empty()) return false;
    const std::string path = given.key + "/" + given.value.text();
    return (own_.is_config(path) || shipped_.is_config(path)) && includes_chitus(path);
  }

  /// Whether an override is about a group or key of chitu's own configuration, or changes a key of
  /// a request in its short form.
  bool is_of_chitus(const config::Override& given) const {
    if (given.type == config::OverrideType::change && pipelines::is_short_form(given.key))
      return true;
    return is_chitus(given.key.substr(0, given.key.find_first_of("./")));
  }

 private:
  bool is_chitus(const std::string& name) const {
    const auto groups = shipped_.groups("");
    if (name == "hydra") return false;
    if (std::find(groups.begin(), groups.end(), name) != groups.end()) return true;
    const config::LoadedConfig* primary = shipped_.load(pipelines::kPrimaryConfig);
    return primary && primary->content.is_map() && primary->content.map().find(name);
  }

  bool entry_needs_chitus(const config::DefaultsEntry& entry) {
    if (entry.is_self() || entry.is_null() || entry.is_missing() || entry.is_interpolation())
      return false;
    if (!entry.is_options) return includes_chitus(entry.config_path());
    return std::any_of(entry.options.begin(), entry.options.end(), [&](const std::string& option) {
      return includes_chitus(entry.group_path() + "/" + option);
    });
  }

  config::Repository own_;
  mutable config::Repository shipped_;  // loads configs when they are asked for
  std::set<std::string> seen_;
};

/// Whether --config-dir holds a tree that `chitu config` composes by itself. True also for a tree
/// with a mistake: composing it reports the mistake better.
bool stands_alone(const ComposeFlags& flags, const fs::path& shipped) {
  if (!flags.config_dir || flags.config_path) return false;
  const auto& name = flags.config_name;
  if (name && pipelines::has_config(shipped, *name)) return false;
  try {
    OwnTree tree(*flags.config_dir, shipped);
    if (name ? tree.includes_chitus(*name) : !tree.is_application()) return false;
    return std::none_of(flags.overrides.begin(), flags.overrides.end(),
                        [&](const std::string& text) {
                          const config::Override given = config::parse_override(text);
                          return tree.chooses_chitus(given) || (!name && tree.is_of_chitus(given));
                        });
  } catch (const InputError&) {
    return true;
  }
}

void check_folders(const ComposeFlags& flags) {
  for (const auto& [flag, folder] :
       {std::pair("--config-path ", flags.config_path), {"--config-dir ", flags.config_dir}})
    if (folder && !fs::is_directory(*folder)) throw InputError(flag + *folder + ": no such folder");
}

}  // namespace

ConfigFolders find_config_folders(const ComposeFlags& flags, ConfigTrees trees,
                                  const fs::path& shipped) {
  check_folders(flags);
  if (trees == ConfigTrees::any && stands_alone(flags, shipped))
    return {{{*flags.config_dir, "main"}}, flags.config_name.value_or(""), false};

  return pipelines::with_shipped_configs({flags.config_path, flags.config_dir, flags.config_name},
                                         shipped);
}

}  // namespace chitu::tools
