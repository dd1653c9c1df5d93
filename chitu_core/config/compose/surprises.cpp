#include "chitu_core/config/compose/surprises.h"

#include <optional>
#include <utility>

#include "chitu_core/common/nearest.h"

namespace chitu::config {
namespace {

/// A key that looks like a misspelt one.
struct Slip {
  const Entry* entry;
  std::string hint;  ///< ", did you mean ...?"
};

/// The first key that only `node` has and that looks like a misspelt key of `base`.
std::optional<Slip> slip(const Node& node, const Node& base, std::string& key) {
  for (const Entry& entry : node.map()) {
    const Node* known = base.map().find(entry.key);
    if (!known) {
      std::string hint = did_you_mean(entry.key.text, keys_of(base));
      if (hint.empty()) continue;
      key = join_path(key, entry.key.text);
      return Slip{&entry, std::move(hint)};
    }
    if (!entry.value.is_map() || !known->is_map()) continue;
    std::string below = join_path(key, entry.key.text);
    if (auto found = slip(entry.value, *known, below)) {
      key = below;
      return found;
    }
  }
  return std::nullopt;
}

/// The first leaf that both set to different values.
const Node* conflict(const Node& own, const Node& included, std::string& key) {
  for (const Entry& entry : own.map()) {
    const Node* other = included.map().find(entry.key);
    if (!other || entry.value.is_missing()) continue;
    std::string below = join_path(key, entry.key.text);
    if (entry.value.is_map() && other->is_map()) {
      const Node* found = conflict(entry.value, *other, below);
      if (!found) continue;
      key = below;
      return found;
    }
    if (entry.value == *other) continue;
    key = below;
    return &entry.value;
  }
  return nullptr;
}

void note_missing_self(Composition& composition, const ConfigStep& step) {
  for (const ConfigStep& included : composition.steps) {
    if (&included == &step) return;
    if (included.parent != step.config_path || !included.content.is_map()) continue;
    std::string key;
    const Node* own = conflict(step.content, included.content, key);
    if (!own) continue;
    composition.warnings.push_back(to_string(own->origin()) + ": " + key + " is also set by " +
                                   included.config_path +
                                   "; this file wins, for its defaults list "
                                   "has no _self_. Write _self_ where it belongs");
    return;
  }
}

}  // namespace

void note_surprises(Composition& composition) {
  Node before{Map()};
  for (const ConfigStep& step : composition.steps) {
    const bool built_in = step.file == "built-in";
    if (step.implicit_self && !built_in && step.content.is_map())
      note_missing_self(composition, step);
    // An experiment: a config of a group with package _global_.
    const bool global = step.package.empty() && step.config_path.find('/') != std::string::npos;
    if (global && !built_in && step.content.is_map()) {
      std::string key;
      if (const auto found = slip(step.content, before, key))
        composition.warnings.push_back(to_string(found->entry->origin) + ": " + step.config_path +
                                       " adds the new key " + key + found->hint);
    }
    if (!built_in && step.content.is_map())
      for (const Entry& entry : step.content.map())
        if (!before.map().find(entry.key)) before.map().set(entry.key, entry.value);
  }
}

}  // namespace chitu::config
