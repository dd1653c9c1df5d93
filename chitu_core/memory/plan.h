#pragma once

#include <ATen/core/Tensor.h>
#include <c10/core/Device.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "chitu_core/memory/layer_stream.h"
#include "chitu_core/memory/memory_config.h"
#include "chitu_core/memory/weights.h"

namespace chitu::memory {

/// Where a component's weights are while no stage uses it.
enum class Residency {
  resident,   ///< on the device from its first stage on
  offloaded,  ///< loaded for its stages only, freed after each
  streamed,   ///< layer by layer while its stages run, freed after each
};
std::string_view to_string(Residency residency);
std::string_view to_string(VaeTiling tiling);

struct ComponentPlan {
  Residency residency = Residency::resident;
  c10::Device device = c10::kCPU;     ///< where it computes
  at::ScalarType dtype = at::kFloat;  ///< what its weights compute in
  std::int64_t resident_layers = 0;   ///< of a streamed component: layers that stay on the device
  std::optional<at::ScalarType> stored{};  ///< storage dtype of the layers' matrices; empty = dtype
  bool rests_on_host = false;              ///< stored in host memory instead of on disk
  bool operator==(const ComponentPlan&) const = default;
  WeightFormat format() const { return {device, dtype, stored, rests_on_host}; }
};

/// Memory decisions for the device and each component. Strategies write it, the executor and the
/// models follow it.
struct MemoryPlan : PlanEntries<std::type_identity_t> {
  struct Component {
    std::string name;
    Role role = Role::transformer;
    ComponentPlan plan{};
    bool operator==(const Component&) const = default;
  };

  int low_mem_level = 0;
  std::vector<std::string> strategies;  ///< names, in the order they were applied
  c10::Device device = c10::kCPU;       ///< that the user chose; a component may compute elsewhere
  std::vector<Component> components;    ///< in the order of the family

  /// throws  Error when there is none of this name
  const ComponentPlan& component(std::string_view name) const;
  ComponentPlan& component(std::string_view name);
  /// The first component of a role.
  ///
  /// throws  Error when there is none
  const ComponentPlan& first(Role role) const;
  /// Calls edit(plan) for each component of a role.
  void each(Role role, auto&& edit) {
    for (Component& component : components)
      if (component.role == role) edit(component.plan);
  }
  void set_residency(Role role, Residency residency);

  WeightFormat format(const ComponentPlan& component) const {
    WeightFormat format = component.format();
    format.pin_memory = pin_memory;
    return format;
  }
  StreamOptions stream_options(const ComponentPlan& component) const {
    return {component.resident_layers, static_cast<int>(1 + prefetch_blocks), pin_memory};
  }
  bool operator==(const MemoryPlan&) const = default;
};

/// What a plan is made for: the device and dtypes that the user chose, and the components of the
/// model.
struct PlanRequest {
  c10::Device device = c10::kCPU;
  at::ScalarType dtype = at::kFloat;
  at::ScalarType vae_dtype = at::kFloat;
  std::vector<ComponentRole> components = one_of_each_role();
};

/// Applies the strategies of the level's row, then those that the configuration names, then the
/// keys that override single entries. Without a level, which is then chosen for each request, those
/// of level 0.
///
/// throws  InputError for a strategy that this build does not have, with the nearest names
MemoryPlan make_plan(const MemoryConfig& config, const PlanRequest& request);

}  // namespace chitu::memory
