#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "chitu_core/config/compose/compose.h"
#include "chitu_core/config/compose/defaults_entry.h"

namespace chitu::config {

/// A configuration file as composition uses it.
struct LoadedConfig {
  Node content;  ///< without the defaults list
  std::vector<DefaultsEntry> defaults;
  std::optional<std::string> package;  ///< of the header `# @package x`
  std::string file;                    ///< as shown; "built-in" for Hydra's own
};

/// Finds configurations in the built-in tree and the directories of a search path; the first source
/// that has one wins. Loads each file once.
class Repository {
 public:
  explicit Repository(std::vector<SearchPathEntry> search_path);

  /// Adds hydra.searchpath's entries; what is loaded stays.
  void append(const SearchPathEntry& entry);

  /// Null when no source has it. Throws ConfigError for a file that cannot be read.
  const LoadedConfig* load(const std::string& config_path);
  /// The content of a loaded config, moved out where it can be: for its last reader.
  Node take_content(const std::string& config_path);
  bool is_config(const std::string& config_path);
  bool is_group(const std::string& group_path);
  /// Names of the configurations of a group, of all sources, sorted.
  std::vector<std::string> options(const std::string& group_path) const;
  /// Names of the groups inside a group, sorted.
  std::vector<std::string> groups(const std::string& group_path) const;

  const std::vector<SearchPathEntry>& search_path() const { return search_path_; }
  /// "search path: a, b, built-in", for messages.
  std::string describe_search_path() const;

 private:
  std::optional<std::string> find_file(const std::string& config_path) const;

  std::vector<SearchPathEntry> search_path_;
  /// One of the two, or none where no source has the config.
  struct Found {
    std::shared_ptr<const LoadedConfig> built_in{};
    std::unique_ptr<LoadedConfig> read{};
    const LoadedConfig* get() const { return built_in ? built_in.get() : read.get(); }
  };
  std::map<std::string, Found> loaded_;
  std::map<std::string, bool> groups_;
};

/// The package header of a file's text: leading `# @key value` lines. Throws ConfigError for a line
/// that is not two words.
std::optional<std::string> read_package_header(std::string_view text, const std::string& file);

}  // namespace chitu::config
