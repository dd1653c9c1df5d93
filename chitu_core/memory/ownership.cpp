#include "chitu_core/memory/ownership.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>
#include <string>

#include "chitu_core/common/error.h"
#include "chitu_core/memory/module.h"

namespace chitu::memory {
namespace {

using Parameters = std::map<std::string, const Parameter*>;

Parameters parameters_of(Module& module) {
  Parameters parameters;
  std::map<const Parameter*, std::string> names;
  module.visit_parameters([&](const std::string& name, Parameter& parameter) {
    if (!parameters.emplace(name, &parameter).second)
      throw Error("two parameters are registered as " + name);
    if (const auto [known, is_new] = names.emplace(&parameter, name); !is_new)
      throw Error(fmt::format("the parameter {} is registered as {} too", known->second, name));
  });
  return parameters;
}

/// "blocks." for the layer "blocks.3"; empty if layers have no parent.
std::string siblings_prefix(const std::string& layer) {
  return layer.substr(0, layer.rfind('.') + 1);
}

}  // namespace

void check_ownership(Module& module) {
  const Parameters parameters = parameters_of(module);
  std::set<const Parameter*> in_layers;
  std::set<std::string> parents;
  for (const auto& [layer, child] : module.layers()) {
    parents.insert(siblings_prefix(layer));
    child->visit_parameters([&](const std::string& name, Parameter& parameter) {
      const std::string full_name = layer + "." + name;
      const auto found = parameters.find(full_name);
      if (found == parameters.end() || found->second != &parameter)
        throw Error(fmt::format("layer {}: its parameter {} is not the module's {}", layer, name,
                                full_name));
      if (!in_layers.insert(&parameter).second)
        throw Error(fmt::format("layer {} is listed twice", layer));
    });
  }
  for (const std::string& parent : parents)
    for (const auto& [name, parameter] : parameters)
      if (!parent.empty() && name.starts_with(parent) && !in_layers.contains(parameter))
        throw Error(fmt::format("no layer has the parameter {}, though others of {}* are layers",
                                name, parent));
}

}  // namespace chitu::memory
