#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>

#include "chitu_core/common/files.h"
#include "chitu_core/config/value/node.h"

namespace chitu::testing {

/// JSON as a configuration node; strings are taken literally.
inline config::Node to_node(const nlohmann::ordered_json& json) {
  using config::Node;
  if (json.is_boolean()) return Node(json.get<bool>());
  if (json.is_number_float()) return Node(json.get<double>());
  if (json.is_number_unsigned()) return Node(json.get<std::uint64_t>());
  if (json.is_number()) return Node(json.get<std::int64_t>());
  if (json.is_string()) return Node::literal(json.get<std::string>());
  if (json.is_array()) {
    config::List items;
    for (const auto& item : json) items.push_back(to_node(item));
    return Node(std::move(items));
  }
  if (!json.is_object()) return Node();
  config::Map entries;
  for (const auto& [key, value] : json.items()) entries.set(key, to_node(value));
  return Node(std::move(entries));
}

inline config::Node read_json(const std::filesystem::path& file) {
  return to_node(nlohmann::ordered_json::parse(read_file(file)));
}

}  // namespace chitu::testing
