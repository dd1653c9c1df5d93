#include "tools/chitu/placement.h"

#include <nlohmann/json.hpp>

#include "chitu_core/config/yaml/yaml_writer.h"
#include "pipelines/forecast/plan_json.h"

namespace chitu::tools {
namespace {

using config::Node;
using nlohmann::ordered_json;

/// Always a list, also for one plan: readers need no special case.
ordered_json plans_json(const std::vector<memory::MemoryPlan>& plans) {
  ordered_json all = ordered_json::array();
  for (const memory::MemoryPlan& plan : plans) all.push_back(pipelines::to_json(plan));
  return all;
}

Node node_of(const ordered_json& json) {
  if (json.is_boolean()) return Node(json.get<bool>());
  if (json.is_number_integer()) return Node(json.get<std::int64_t>());
  if (json.is_array()) {
    config::List items;
    for (const ordered_json& item : json) items.push_back(node_of(item));
    return Node(std::move(items));
  }
  if (json.is_object()) {
    config::Map entries;
    for (const auto& [key, value] : json.items()) entries.set(key, node_of(value));
    return Node(std::move(entries));
  }
  return Node::literal(json.get<std::string>());
}

}  // namespace

std::string to_yaml(const std::vector<memory::MemoryPlan>& plans) {
  return config::to_yaml(node_of(plans_json(plans)));
}

std::string to_json(const std::vector<memory::MemoryPlan>& plans) {
  return plans_json(plans).dump(1) + "\n";
}

}  // namespace chitu::tools
