#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "chitu_core/config/compose/compose.h"
#include "chitu_core/config/compose/defaults_entry.h"

namespace chitu::config {

/// A loaded configuration file.
struct LoadedConfig {
  Node content;  ///< without the defaults list
  std::vector<DefaultsEntry> defaults;
  std::optional<std::string> package;  ///< of the header `# @package x`
  std::string file;                    ///< for messages; "built-in" for Hydra's own
};

/// Finds configs among the built-in ones and in the directories of a search path. The first place
/// that has one wins. Loads each file once.
class Repository {
 public:
  explicit Repository(std::vector<SearchPathEntry> search_path);

  /// Adds an entry of hydra.searchpath. Files that are loaded already stay.
  void append(const SearchPathEntry& entry);

  /// Null when it is not found. Throws ConfigError for a file that cannot be read.
  const LoadedConfig* load(const std::string& config_path);
  /// The content of a loaded config, moved if possible. Call it last.
  Node take_content(const std::string& config_path);
  bool is_config(const std::string& config_path);
  bool is_group(const std::string& group_path);
  /// Names of the configs in a group, sorted.
  std::vector<std::string> options(const std::string& group_path) const;
  /// Names of the groups inside a group, sorted.
  std::vector<std::string> groups(const std::string& group_path) const;

  const std::vector<SearchPathEntry>& search_path() const { return search_path_; }
  /// "search path: a, b, built-in", for messages.
  std::string describe_search_path() const;

 private:
  std::optional<std::string> find_file(const std::string& config_path) const;

  std::vector<SearchPathEntry> search_path_;
  /// One of the two; neither when the config is not found.
  struct Found {
    std::shared_ptr<const LoadedConfig> built_in{};
    std::unique_ptr<LoadedConfig> read{};
    const LoadedConfig* get() const { return built_in ? built_in.get() : read.get(); }
  };
  std::map<std::string, Found> loaded_;
  std::map<std::string, bool> groups_;
};

/// The package in the header of a file: leading lines `# @package name`. Throws ConfigError for a
/// line `# @...` that is not two words.
std::optional<std::string> read_package_header(std::string_view text, const std::string& file);

}  // namespace chitu::config
