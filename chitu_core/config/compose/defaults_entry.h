#pragma once

#include <optional>
#include <string>
#include <vector>

#include "chitu_core/config/value/node.h"

namespace chitu::config {

/// One item of a defaults list, with what composing learns of it. Hydra's rules for packages and
/// override keys.
struct DefaultsEntry {
  enum class Type : std::uint8_t { root, config, group };

  Type type = Type::config;
  std::string path;                   ///< of a config: "db/mysql", "/db/mysql", "_self_"
  std::string group;                  ///< of a group: "db", "/db"
  std::optional<std::string> option;  ///< of a group; none is null
  std::vector<std::string> options;   ///< of a group with a list
  bool is_options = false;
  std::optional<std::string> package;  ///< after @
  bool optional = false;
  bool override_keyword = false;
  bool appended = false;       ///< by +group=option
  bool implicit_self = false;  ///< a _self_ that the list does not write
  Origin origin;

  // Filled while composing.
  std::string parent_group;  ///< group of the config that holds the list
  std::string parent_package;
  std::optional<std::string> header;  ///< package header of the chosen file
  bool primary = false;
  bool deleted = false;

  static DefaultsEntry config(std::string path);

  bool is_self() const;
  bool is_group() const { return type == Type::group; }
  bool is_missing() const;
  bool is_null() const { return is_group() && !is_options && !option; }
  bool is_interpolation() const;

  /// Tells the entry where its list stands.
  void set_parent(const std::string& group, const std::string& package);
  void set_header(const std::optional<std::string>& value);

  std::string group_path() const;   ///< absolute
  std::string config_path() const;  ///< absolute
  /// The package its content goes to.
  std::string final_package(bool use_header = true) const;
  /// `group`, or `group@package` when the package is not the group's own.
  std::string override_key() const;
  /// The chosen option, for messages; "null" for none.
  std::string option_text() const;

 private:
  std::string relative_group() const;
};

/// Reads the items of `defaults:`. Throws ConfigError with the item's place.
std::vector<DefaultsEntry> read_defaults(const Node& defaults, const std::string& config_path);

}  // namespace chitu::config
