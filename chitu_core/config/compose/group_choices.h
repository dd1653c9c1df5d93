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

/// Whether an override that is no sweep chooses an option of a group; all others set values.
bool chooses_group(Repository& repository, const Override& given);

/// The overrides that choose groups, and what the walk over the defaults lists made of them. All
/// others are left for the values.
class GroupChoices {
 public:
  GroupChoices(Repository& repository, const std::vector<Override>& overrides);

  const std::vector<const Override*>& value_overrides() const { return value_overrides_; }
  const std::vector<DefaultsEntry>& appended() const { return appended_; }

  /// Notes an `override group: option` of a defaults list; the first one for a key counts.
  void add_override(const std::string& config_path, const DefaultsEntry& entry);
  /// Gives the entry the option that an override chose, if one did.
  void apply(DefaultsEntry& entry);
  /// Whether `~group` drops this entry; marks the deletion as used.
  bool take_deletion(const DefaultsEntry& entry);
  /// Notes the entry's choice; throws when its key has another one already.
  void set_known(const DefaultsEntry& entry);

  /// Throws when an override or a deletion matched nothing.
  void check_used() const;

  /// group -> option in the order they were met, as hydra.runtime.choices.
  const std::vector<std::pair<std::string, Node>>& known() const { return known_; }

 private:
  struct Choice {
    Node option;  // a string or a list of strings
    const Override* external = nullptr;
    std::string config_path;  // of the list that holds the override
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
