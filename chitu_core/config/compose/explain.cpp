#include "chitu_core/config/compose/explain.h"

#include <functional>
#include <map>
#include <optional>
#include <range/v3/algorithm/starts_with.hpp>
#include <range/v3/view/drop.hpp>

#include "chitu_core/config/override/override.h"
#include "chitu_core/config/value/error.h"
#include "chitu_core/config/yaml/yaml_writer.h"

namespace chitu::config {
namespace {

namespace rv = ranges::views;

/// The value that an override gives `key`; when it sets an outer key, the part for `key`.
std::optional<Node> given_value(const Override& given, const std::string& key) {
  const std::vector<std::string> outer = split_path(given.key);
  const std::vector<std::string> inner = split_path(key);
  if (given.type == OverrideType::remove || given.package) return std::nullopt;
  const Node value = given.config_value();
  if (ranges::starts_with(outer, inner)) return value;
  if (!ranges::starts_with(inner, outer)) return std::nullopt;
  std::string rest;
  for (const std::string& part : inner | rv::drop(outer.size())) rest = join_path(rest, part);
  const Node* found = value.find(rest);
  return found ? std::optional(*found) : std::nullopt;
}

void each_leaf(const Node& node, const std::string& key,
               const std::function<void(const std::string&, const Node&)>& take) {
  if (node.is_map() && !node.map().empty()) {
    for (const Entry& entry : node.map())
      each_leaf(entry.value, join_path(key, entry.key.text), take);
  } else {
    take(key, node);
  }
}

std::map<std::string, Node> leaves(const Node& node) {
  std::map<std::string, Node> all;
  each_leaf(node, "", [&](const std::string& key, const Node& leaf) { all[key] = leaf; });
  return all;
}

}  // namespace

std::vector<Explanation> explain(const Composition& composition, std::string_view key) {
  const std::string path(key);
  const Node& value = composition.root.at(path);
  std::vector<Explanation> chain;
  for (const ConfigStep& step : composition.steps) {
    const Node* found = step.content.find(path);
    if (!found) continue;
    std::string place = to_string_with_column(found->origin());
    chain.push_back({place.empty() ? step.file : place, step.config_path, *found});
  }
  for (const auto* list : {&composition.hydra_overrides, &composition.task_overrides})
    for (const std::string& text : *list) {
      const Override given = parse_override(text);
      if (given.is_sweep()) continue;
      // The choice of a group shows in the files that it adds.
      bool group = false;
      for (const auto& [known, option] : composition.choices)
        group = group || known == given.key_with_package();
      if (group && !given.value.is_map()) continue;
      if (auto part = given_value(given, path)) chain.push_back({text, "", std::move(*part)});
    }
  if (chain.empty()) chain.push_back({"composition", "", value});
  return chain;
}

std::string annotated(const Composition& composition) {
  std::string text;
  each_leaf(composition.config, "", [&](const std::string& key, const Node& leaf) {
    text += key + ": " + to_inline_yaml(leaf);
    const std::string place = to_string_with_column(leaf.origin());
    if (!place.empty()) text += "  # " + place;
    text += '\n';
  });
  return text;
}

std::string difference(const Node& before, const Node& after) {
  const std::map<std::string, Node> old = leaves(before), now = leaves(after);
  std::string text;
  for (const auto& [key, value] : old) {
    const auto found = now.find(key);
    if (found != now.end() && found->second == value) continue;
    text += "- " + key + ": " + to_inline_yaml(value) + '\n';
    if (found != now.end()) text += "+ " + key + ": " + to_inline_yaml(found->second) + '\n';
  }
  for (const auto& [key, value] : now)
    if (!old.contains(key)) text += "+ " + key + ": " + to_inline_yaml(value) + '\n';
  return text;
}

}  // namespace chitu::config
