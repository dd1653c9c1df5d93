#pragma once

#include <optional>
#include <string>
#include <vector>

#include "chitu_core/config/value/node.h"

namespace chitu::config {

/// One item of a defaults list, with Hydra's rules for its package and its override key.
struct DefaultsEntry {
  enum class Type : std::uint8_t { root, config, group };

  Type type = Type::config;
  std::string path;                   ///< of a config: "db/mysql", "/db/mysql", "_self_"
  std::string group;                  ///< of a group: "db", "/db"
  std::optional<std::string> option;  ///< of a group; empty for null
  std::vector<std::string> options;   ///< of a group with a list
  bool is_options = false;
  std::optional<std::string> package;  ///< after @
  bool optional = false;
  bool override_keyword = false;
  bool appended = false;       ///< by +group=option
  bool implicit_self = false;  ///< a _self_ that is not written in the list
  Origin origin;

  // Set while composing.
  std::string parent_group;  ///< group of the config with this list
  std::string parent_package;
  std::optional<std::string> header;  ///< `# @package` header of the chosen file
  bool primary = false;
  bool deleted = false;

  static DefaultsEntry config(std::string path);

  bool is_self() const;
  bool is_group() const { return type == Type::group; }
  bool is_missing() const;
  bool is_null() const { return is_group() && !is_options && !option; }
  bool is_interpolation() const;

  /// Sets the group and package of the config with this list.
  void set_parent(const std::string& group, const std::string& package);
  void set_header(const std::optional<std::string>& value);

  std::string group_path() const;   ///< absolute
  std::string config_path() const;  ///< absolute
  /// The package of its content.
  std::string final_package(bool use_header = true) const;
  /// `group`, or `group@package` when the package differs from the group's default.
  std::string override_key() const;
  /// The chosen option, or "null", for messages.
  std::string option_text() const;

 private:
  std::string relative_group() const;
};

/// Parses the list under `defaults:`. Throws ConfigError at the item.
std::vector<DefaultsEntry> read_defaults(const Node& defaults, const std::string& config_path);

}  // namespace chitu::config
