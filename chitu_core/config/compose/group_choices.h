#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <variant>
#include <vector>

#include "chitu_core/config/compose/defaults_entry.h"
#include "chitu_core/config/compose/repository.h"
#include "chitu_core/config/override/override.h"

namespace chitu::config {

/// Whether an override chooses the option of a group; otherwise it sets a value. Not for sweeps.
bool chooses_group(Repository& repository, const Override& given);

/// The overrides that choose groups, from the command line and the defaults lists, and which of
/// them have been used.
class GroupChoices {
 public:
  GroupChoices(Repository& repository, const std::vector<Override>& overrides);

  const std::vector<const Override*>& value_overrides() const { return value_overrides_; }
  const std::vector<DefaultsEntry>& appended() const { return appended_; }

  /// Adds an `override group: option` of a defaults list. The first one for a key wins.
  void add_override(const std::string& config_path, const DefaultsEntry& entry);
  /// Sets the option of the entry when an override chooses it.
  void apply(DefaultsEntry& entry);
  /// Whether a `~group` deletes this entry; marks the deletion as used.
  bool take_deletion(const DefaultsEntry& entry);
  /// Records the option of the entry. Throws when its key has another option already.
  void set_known(const DefaultsEntry& entry);

  /// Throws when an override or deletion matches nothing.
  void check_used() const;

  /// group -> option in order of appearance, as hydra.runtime.choices.
  const std::vector<std::pair<std::string, Node>>& known() const { return known_; }

 private:
  struct Choice {
    Node option;  // a string or a list of strings
    const Override* external = nullptr;
    std::string config_path;  // of the defaults list with the override
    Origin origin;
    bool used = false;
  };
  struct Deletion {
    std::optional<std::string> option;
    const Override* source = nullptr;
    bool used = false;
  };

  void add_external(const Override& given);
  [[noreturn]] void fail_unused(const std::string& key, const Choice& choice) const;

  std::vector<const Override*> value_overrides_;
  std::vector<DefaultsEntry> appended_;
  std::map<std::string, Choice> choices_;
  std::vector<std::string> choice_order_;
  std::map<std::string, Deletion> deletions_;
  std::vector<std::pair<std::string, Node>> known_;
  std::map<std::string, std::set<std::string>> known_keys_;  // group path -> override keys
};

}  // namespace chitu::config
