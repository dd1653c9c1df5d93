#include "chitu_core/config/compose/group_choices.h"

#include <algorithm>
#include <range/v3/range/conversion.hpp>
#include <range/v3/view/map.hpp>

#include "chitu_core/common/nearest.h"
#include "chitu_core/config/value/error.h"

namespace chitu::config {
namespace {

namespace rv = ranges::views;

std::vector<std::string> names_of(const std::vector<std::pair<std::string, Node>>& choices) {
  return choices | rv::keys | ranges::to<std::vector>();
}

void set_option(DefaultsEntry& entry, const Node& option) {
  entry.is_options = option.is_list();
  entry.option.reset();
  entry.options.clear();
  if (option.is_null()) return;
  if (!option.is_list()) {
    entry.option = option.text();
    return;
  }
  for (const Node& item : option.list()) entry.options.push_back(item.text());
}

Node option_node(const DefaultsEntry& entry) {
  if (!entry.is_options) return entry.option ? Node::literal(*entry.option) : Node();
  List items;
  for (const std::string& option : entry.options) items.push_back(Node::literal(option));
  return Node(std::move(items));
}

[[noreturn]] void refuse_option(const Override& given, const Node& value) {
  std::string advice;
  if (value.is_null())
    advice = "; to drop the group write ~" + given.key_with_package();
  else if (!value.is_container())
    advice = "; quote it to choose the option of that name: " + given.key_element() + "='" +
             override_text(value) + "'";
  throw ConfigError(given.text + ": the option of the group " + given.key +
                    " must be a string or a list of strings, got " + show(value) + advice);
}

}  // namespace

bool chooses_group(Repository& repository, const Override& given) {
  // A map is merged into the configuration even when its key names a group.
  return !given.value.is_map() && repository.is_group(given.key);
}

GroupChoices::GroupChoices(Repository& repository, const std::vector<Override>& overrides) {
  for (const Override& given : overrides) {
    if (given.is_sweep()) continue;
    if (chooses_group(repository, given))
      add_external(given);
    else
      value_overrides_.push_back(&given);
  }
}

void GroupChoices::add_external(const Override& given) {
  const bool text = given.value.is_string();
  if (given.type == OverrideType::force_add)
    throw ConfigError(given.text + ": a group cannot be added with ++, write +" +
                      given.key_with_package() + "=... to add it or " + given.key_with_package() +
                      "=... to choose");
  if (given.type == OverrideType::remove) {
    if (!text && !given.value.is_null()) refuse_option(given, given.value);
    deletions_[given.key_with_package()] = {text ? std::optional(given.value.text()) : std::nullopt,
                                            &given, false};
    return;
  }
  if (given.value.is_list()) {
    for (const Node& item : given.value.list())
      if (!item.is_string()) refuse_option(given, item);
  } else if (!text) {
    refuse_option(given, given.value);
  }
  if (given.type == OverrideType::add) {
    DefaultsEntry entry;
    entry.type = DefaultsEntry::Type::group;
    entry.group = "/" + given.key;  // absolute: the primary config may be in a group
    entry.package = given.package;
    if (entry.package == "_here_") entry.package = "";
    entry.origin = given.origin;
    entry.appended = true;
    set_option(entry, given.value);
    appended_.push_back(std::move(entry));
    return;
  }
  const std::string key = given.key_with_package();
  if (!choices_.contains(key)) choice_order_.push_back(key);
  choices_[key] = {given.value, &given, "", given.origin, false};
}

void GroupChoices::add_override(const std::string& config_path, const DefaultsEntry& entry) {
  const std::string key = entry.override_key();
  if (choices_.contains(key)) return;
  choice_order_.push_back(key);
  choices_[key] = {option_node(entry), nullptr, config_path, entry.origin, false};
}

void GroupChoices::apply(DefaultsEntry& entry) {
  if (!entry.is_group()) return;
  const auto found = choices_.find(entry.override_key());
  if (found == choices_.end()) return;
  set_option(entry, found->second.option);
  found->second.used = true;
}

bool GroupChoices::take_deletion(const DefaultsEntry& entry) {
  if (!entry.is_group()) return false;
  const auto found = deletions_.find(entry.override_key());
  if (found == deletions_.end()) return false;
  Deletion& deletion = found->second;
  if (deletion.option && (entry.is_options || deletion.option != entry.option)) return false;
  deletion.used = true;
  return true;
}

void GroupChoices::set_known(const DefaultsEntry& entry) {
  if (!entry.is_group()) return;
  const std::string key = entry.override_key();
  const auto found = std::find_if(known_.begin(), known_.end(),
                                  [&](const auto& item) { return item.first == key; });
  if (found == known_.end()) {
    known_.emplace_back(key, option_node(entry));
  } else if (found->second != option_node(entry)) {
    const std::string before = found->second.is_null() ? "null" : found->second.text();
    throw ConfigError(entry.origin, "multiple values for " + key + ": " + entry.option_text() +
                                        " and " + before + ". To override a value use 'override " +
                                        key + ": " + before + "'");
  }
  known_keys_[entry.group_path()].insert(key);
}

void GroupChoices::fail_unused(const std::string& key, const Choice& choice) const {
  const std::string group = key.substr(0, key.find('@'));
  std::string message = "could not override '" + key + "'";
  const auto known = known_keys_.find(group);
  if (known == known_keys_.end()) {
    message += ", nothing in the defaults list matches" + did_you_mean(key, names_of(known_));
  } else {
    const std::vector<std::string> keys(known->second.begin(), known->second.end());
    message += ". Did you mean to override " + std::string(keys.size() > 1 ? "one of " : "") +
               join(keys) + "?";
  }
  if (choice.external)
    throw ConfigError(choice.external->text + ": " + message +
                      "; to append to the defaults list use +" + choice.external->text);
  throw ConfigError(choice.origin, "in " + choice.config_path + ": " + message);
}

void GroupChoices::check_used() const {
  for (const std::string& key : choice_order_)
    if (const Choice& choice = choices_.at(key); !choice.used) fail_unused(key, choice);
  for (const auto& [key, deletion] : deletions_) {
    if (deletion.used) continue;
    throw ConfigError(deletion.source->text + ": could not delete '" + key +
                      (deletion.option ? "=" + *deletion.option : "") +
                      "', nothing in the defaults list matches" +
                      did_you_mean(key, names_of(known_)));
  }
}

}  // namespace chitu::config
