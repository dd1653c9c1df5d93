#include "pipelines/model/component_set.h"

#include <algorithm>
#include <filesystem>

#include "chitu_core/common/error.h"
#include "chitu_core/memory/weight_source.h"

namespace chitu::pipelines {
namespace {

std::shared_ptr<const io::Checkpoint> open_weights(const std::filesystem::path& folder,
                                                   bool for_plan) {
  const auto is_weights = [](const std::filesystem::directory_entry& entry) {
    return entry.path().extension() == ".safetensors";
  };
  if (for_plan && std::none_of(std::filesystem::directory_iterator(folder), {}, is_weights))
    return nullptr;
  return std::make_shared<io::Checkpoint>(folder);
}

ComponentFiles read_component(const ComponentDescription& described, const ModelFolder& folder,
                              bool for_plan) {
  const auto path = folder.component(described.folder(), described.library, described.classes);
  return {described, described.read_config(folder.config(described.folder(), "config.json")),
          open_weights(path, for_plan)};
}

std::shared_ptr<const memory::WeightSource> source_of(const ComponentFiles& files, bool for_plan) {
  if (for_plan)
    return std::make_shared<memory::DryRunWeights>(files.weights,
                                                   files.description.published_dtype);
  return std::make_shared<memory::FileWeights>(files.weights);
}

std::unique_ptr<ComponentOwner> make_component(const ComponentFiles& files, bool for_plan,
                                               LoraSet& loras) {
  const std::string& name = files.description.name;
  if (loras.empty() || files.description.role != memory::Role::transformer)
    return files.make(name, source_of(files, for_plan));
  const auto source = std::make_shared<memory::LoraWeights>(source_of(files, for_plan), for_plan);
  auto owner = files.make(name, source);
  loras.apply(name, owner->module(), *source, files.description.original_name);
  return owner;
}

std::vector<std::string> transformers_of(const std::vector<ComponentFiles>& files) {
  std::vector<std::string> names;
  for (const ComponentFiles& component : files)
    if (component.description.role == memory::Role::transformer)
      names.push_back(component.description.name);
  return names;
}

}  // namespace

std::vector<memory::ComponentRole> roles_of(const std::vector<ComponentDescription>& described) {
  std::vector<memory::ComponentRole> roles;
  for (const ComponentDescription& component : described)
    roles.push_back({component.name, component.role});
  return roles;
}

std::vector<ComponentFiles> read_components(const std::vector<ComponentDescription>& described,
                                            const ModelFolder& folder, bool for_plan) {
  std::vector<ComponentFiles> files;
  for (const ComponentDescription& component : described)
    files.push_back(read_component(component, folder, for_plan));
  return files;
}

ComponentSet::ComponentSet(const std::vector<ComponentFiles>& files, bool for_plan,
                           const std::vector<LoraChoice>& choices) {
  LoraSet loras(choices, transformers_of(files));
  for (const ComponentFiles& component : files)
    owners_.push_back(make_component(component, for_plan, loras));
  loras.finish(!for_plan);
}

std::vector<memory::Component*> ComponentSet::all() const {
  std::vector<memory::Component*> components;
  for (const auto& owner : owners_) components.push_back(&owner->component());
  return components;
}

ComponentOwner& ComponentSet::find(const std::string& name) const {
  for (const auto& owner : owners_)
    if (owner->component().name() == name) return *owner;
  throw Error("the family describes no component " + name);
}

void ComponentSet::fail_model(const std::string& name) {
  throw Error("the family describes another model for the component " + name);
}

std::shared_ptr<const io::Checkpoint> weights_of(const std::vector<ComponentFiles>& files,
                                                 const std::string& name) {
  const auto found = std::ranges::find(
      files, name, [](const ComponentFiles& component) { return component.description.name; });
  if (found == files.end()) throw Error("the family describes no component " + name);
  return found->weights;
}

}  // namespace chitu::pipelines
