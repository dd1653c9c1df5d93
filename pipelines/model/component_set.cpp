#include "pipelines/model/component_set.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

#include "chitu_core/common/error.h"
#include "chitu_core/io/weight_files.h"
#include "chitu_core/memory/weight_source.h"
#include "pipelines/weights/component_weights.h"

namespace chitu::pipelines {
namespace {

bool has_safetensors(const std::filesystem::path& folder) {
  return std::ranges::any_of(std::filesystem::directory_iterator(folder), [](const auto& entry) {
    return entry.path().extension() == ".safetensors";
  });
}

/// A folder of configs, some of whose components the user gives as files.
void refuse_without_weights(const std::string& component, const ModelFolder& folder) {
  if (!folder.files.empty() && !io::holds_weights(folder.path / component))
    throw InputError(fmt::format(
        "model.files.{}: missing, as model.ckpt_dir={} has no weights of its own for {}; expected "
        "a safetensors or GGUF file",
        component, folder.path.string(), component));
}

std::shared_ptr<const io::Checkpoint> open_weights(const std::string& component,
                                                   const ModelFolder& folder, bool for_plan) {
  const auto path = folder.path / component;
  if (for_plan && !has_safetensors(path)) return nullptr;
  refuse_without_weights(component, folder);
  return std::make_shared<io::Checkpoint>(path);
}

/// The component's own names, below the prefixes that ComfyUI's files have for its role.
WeightNaming default_naming(memory::Role role) {
  if (role == memory::Role::transformer)
    return {{"model.diffusion_model.", "diffusion_model."}, {}};
  if (role == memory::Role::vae) return {{"vae.", "first_stage_model."}, {}};
  return {};
}

std::shared_ptr<const io::Checkpoint> open_given(const ComponentDescription& described,
                                                 const ComponentMaker& make,
                                                 const io::JsonObject& config,
                                                 const std::filesystem::path& file) {
  const auto sizes = std::make_shared<memory::DryRunWeights>(nullptr, described.published_dtype);
  const auto owner = make(described.name, sizes);
  return open_component_weights(
      file, described.name, owner->module(),
      described.naming ? described.naming(config) : default_naming(described.role));
}

ComponentFiles read_component(const ComponentDescription& described, const ModelFolder& folder,
                              bool for_plan) {
  const std::string& name = described.folder();
  folder.component(name, described.library, described.classes);
  const io::JsonObject config = folder.config(name, "config.json");
  ComponentMaker make = described.read_config(config);
  const auto given = folder.files.find(name);
  auto weights = given == folder.files.end() ? open_weights(name, folder, for_plan)
                                             : open_given(described, make, config, given->second);
  return {described, std::move(make), std::move(weights)};
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
  loras.apply(files.description.folder(), owner->module(), *source,
              files.description.original_name);
  return owner;
}

std::vector<std::string> transformers_of(const std::vector<ComponentFiles>& files) {
  std::vector<std::string> names;
  for (const ComponentFiles& component : files)
    if (component.description.role == memory::Role::transformer &&
        std::ranges::find(names, component.description.folder()) == names.end())
      names.push_back(component.description.folder());
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
                           const LoraChoices& choices, const WeightSharing& sharing) {
  LoraSet loras(choices, transformers_of(files));
  for (const ComponentFiles& component : files)
    owners_.push_back(make_component(component, for_plan, loras));
  loras.finish(!for_plan);
  for (const auto& owner : owners_) sharing.apply(owner->component());
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
