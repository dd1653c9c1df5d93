#pragma once

#include <ATen/core/Tensor.h>

#include <functional>
#include <memory>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "chitu_core/io/weight_files.h"
#include "chitu_core/memory/component.h"
#include "chitu_core/memory/role.h"
#include "pipelines/model/lora_layers.h"
#include "pipelines/model/model_folder.h"
#include "pipelines/sharing/weight_sharing.h"
#include "pipelines/weights/naming.h"

namespace chitu::pipelines {

/// Owns a component. The derived class knows the type of its model.
class ComponentOwner {
 public:
  virtual ~ComponentOwner() = default;
  virtual memory::Component& component() = 0;
  /// Of the component, to add LoRAs before anything is bound.
  virtual memory::Module& module() = 0;
};
template <class Model>
struct OwnerOf final : ComponentOwner {
  OwnerOf(std::string name, std::shared_ptr<Model> made,
          std::shared_ptr<const memory::WeightSource> weights)
      : model(std::move(made)), owned(std::move(name), model, std::move(weights)) {}
  memory::Component& component() override { return owned; }
  memory::Module& module() override { return *model; }
  std::shared_ptr<Model> model;
  memory::ModelComponent<Model> owned;
};

/// Makes a component whose config has been read.
using ComponentMaker = std::function<std::unique_ptr<ComponentOwner>(
    const std::string& name, std::shared_ptr<const memory::WeightSource> weights)>;

/// A component as its family describes it. Reading, checks, memory plans and forecasts derive from
/// the list of descriptions; a family adds only the stages that use the component.
struct ComponentDescription {
  std::string name;                  ///< in plans and reports: "vae"
  memory::Role role;                 ///< which strategies and keys decide how long it stays
  std::string library;               ///< of its Python classes: "diffusers"
  std::vector<std::string> classes;  ///< each is accepted
  std::function<ComponentMaker(const io::JsonObject& config)> read_config;
  /// Dtype of the files on the hub, for dry runs without files.
  at::ScalarType published_dtype = at::kFloat;
  OriginalName original_name{};  ///< of layers and weights, for LoRA files; empty = the same
  /// For weights that the user gives by `model.files`; empty = the component's own names, also
  /// below the prefixes of ComfyUI.
  std::function<WeightNaming(const io::JsonObject& config)> naming{};
  /// In model_index.json, and of its folder, where several components share the weights of one;
  /// empty = the name.
  std::string part_of{};

  const std::string& folder() const { return part_of.empty() ? name : part_of; }
};

/// The description of a component whose weights are a Model.
///
/// Model  a Module made from what its config() returns, a struct with from_json()
template <class Model>
ComponentDescription describe(std::string name, memory::Role role, std::string library,
                              std::vector<std::string> classes) {
  using Config = std::remove_cvref_t<decltype(std::declval<const Model&>().config())>;
  const auto read_config = [](const io::JsonObject& json) -> ComponentMaker {
    return [config = Config::from_json(json)](const std::string& its_name, auto weights) {
      return std::make_unique<OwnerOf<Model>>(its_name, std::make_shared<Model>(config),
                                              std::move(weights));
    };
  };
  return {std::move(name), role, std::move(library), std::move(classes), read_config};
}

std::vector<memory::ComponentRole> roles_of(const std::vector<ComponentDescription>& described);

/// A component's config, and the headers of its weights: of its folder, or of the files that the
/// user gives instead.
struct ComponentFiles {
  ComponentDescription description;
  ComponentMaker make;
  std::shared_ptr<const io::Checkpoint> weights;  ///< null if a dry run has none
};

/// Reads configs and headers of the described components, in this order.
///
/// for_plan  weights may be missing
/// throws    InputError naming the file for anything that is missing, damaged or not supported
std::vector<ComponentFiles> read_components(const std::vector<ComponentDescription>& described,
                                            const ModelFolder& folder, bool for_plan);

/// The components of an opened checkpoint.
class ComponentSet {
 public:
  /// for_plan  weights have sizes only
  /// sharing   of weights with other ranks
  /// throws    InputError if weights do not fit their config, or LoRAs the components
  ComponentSet(const std::vector<ComponentFiles>& files, bool for_plan,
               const LoraChoices& loras = {}, const WeightSharing& sharing = {});

  /// In the order of the descriptions.
  std::vector<memory::Component*> all() const;

  /// The component of this name.
  ///
  /// throws  Error if there is none, or its model is another class
  template <class Model>
  memory::ModelComponent<Model>& get(const std::string& name) const {
    if (auto* found = dynamic_cast<OwnerOf<Model>*>(&find(name))) return found->owned;
    fail_model(name);
  }

 private:
  ComponentOwner& find(const std::string& name) const;
  [[noreturn]] static void fail_model(const std::string& name);

  std::vector<std::unique_ptr<ComponentOwner>> owners_;
};

/// The weights of one component; null if a dry run has none.
///
/// throws  Error if there is none of this name
std::shared_ptr<const io::Checkpoint> weights_of(const std::vector<ComponentFiles>& files,
                                                 const std::string& name);

}  // namespace chitu::pipelines
