#include "chitu_core/memory/plan.h"

#include <utility>

#include "chitu_core/common/error.h"
#include "chitu_core/common/nearest.h"
#include "chitu_core/common/registry.h"
#include "chitu_core/config/bind/binder.h"
#include "chitu_core/memory/levels.h"
#include "chitu_core/memory/strategy.h"

namespace chitu::memory {

std::string_view to_string(Residency residency) {
  switch (residency) {
    case Residency::resident:
      return "resident";
    case Residency::offloaded:
      return "offloaded";
    case Residency::streamed:
      return "streamed";
  }
  return "";
}

std::string_view to_string(VaeTiling tiling) { return config::name_of(tiling); }

std::string_view to_string(Role role) { return config::name_of(role); }

std::vector<ComponentRole> one_of_each_role() {
  std::vector<ComponentRole> components;
  for (const auto& [name, role] : config_names(Role())) components.push_back({name, role});
  return components;
}

const ComponentPlan& MemoryPlan::component(std::string_view name) const {
  for (const Component& component : components)
    if (component.name == name) return component.plan;
  throw Error("the memory plan has no component " + std::string(name));
}

ComponentPlan& MemoryPlan::component(std::string_view name) {
  return const_cast<ComponentPlan&>(std::as_const(*this).component(name));
}

const ComponentPlan& MemoryPlan::first(Role role) const {
  for (const Component& component : components)
    if (component.role == role) return component.plan;
  throw Error("the memory plan has no component of the role " + std::string(to_string(role)));
}

void MemoryPlan::set_residency(Role role, Residency residency) {
  each(role, [&](ComponentPlan& plan) { plan.residency = residency; });
}

namespace {

/// The level's row first, so that what the user names has the last word on it.
std::vector<std::string> strategies_of(int low_mem_level, const MemoryConfig& config) {
  const auto& row = strategies_of_level(low_mem_level);
  std::vector<std::string> names(row.begin(), row.end());
  names.insert(names.end(), config.strategies.begin(), config.strategies.end());
  return names;
}

const Strategy& find_strategy(const std::string& name) {
  const auto& registry = Registry<Strategy>::instance();
  if (const Strategy* strategy = registry.find(name)) return *strategy;
  throw InputError("infer.strategies: unknown strategy " + name + ", expected any of " +
                   join(registry.names()) + did_you_mean(name, registry.names()));
}

void offload(MemoryPlan& plan, Role role, const std::optional<bool>& wanted) {
  if (!wanted) return;
  plan.each(role, [&](ComponentPlan& component) {
    if (!*wanted)
      component.residency = Residency::resident;
    else if (component.residency == Residency::resident)
      component.residency = Residency::offloaded;
  });
}

void load_for_stages(ComponentPlan& component, bool alone) {
  const Residency from = alone ? Residency::resident : Residency::offloaded;
  if (component.residency == from)
    component.residency = alone ? Residency::offloaded : Residency::resident;
}

/// The keys that decide where components are, whatever the level says.
void place_components(MemoryPlan& plan, const MemoryConfig& config) {
  offload(plan, Role::text_encoder, config.offload_text_encoder);
  offload(plan, Role::vae, config.offload_vae);
  if (config.offload_dit) {
    plan.set_residency(Role::transformer,
                       *config.offload_dit ? Residency::streamed : Residency::resident);
    plan.keep_text_kv = !*config.offload_dit;
  }
  if (config.text_encoder_on_cpu)
    plan.each(Role::text_encoder, [](ComponentPlan& component) { component.device = c10::kCPU; });
  if (config.sequential_load)
    for (MemoryPlan::Component& component : plan.components)
      load_for_stages(component.plan, *config.sequential_load);
}

/// The keys that set a single entry, whatever the level says.
void override_entries(MemoryPlan& plan, const MemoryConfig& config) {
  // A given tile size turns tiling on.
  if (config.vae_tile_latents && plan.vae_tiling == VaeTiling::off)
    plan.vae_tiling = VaeTiling::exact;
  visit_entries(
      [](const EntryInfo&, auto& entry, const auto& wanted) {
        if (wanted) entry = *wanted;
      },
      plan, config);
}

/// Everything resident.
MemoryPlan initial_plan(const MemoryConfig& config, const PlanRequest& request) {
  MemoryPlan plan;
  plan.low_mem_level = config.low_mem_level.value_or(0);
  plan.device = request.device;
  for (const auto& [name, role] : request.components) {
    const auto dtype = role == Role::vae ? request.vae_dtype : request.dtype;
    plan.components.push_back({name, role, {Residency::resident, request.device, dtype}});
  }
  return plan;
}

}  // namespace

MemoryPlan make_plan(const MemoryConfig& config, const PlanRequest& request) {
  MemoryPlan plan = initial_plan(config, request);
  for (const std::string& name : strategies_of(plan.low_mem_level, config)) {
    find_strategy(name).edit(plan, config);
    plan.strategies.push_back(name);
  }
  place_components(plan, config);
  override_entries(plan, config);
  for (auto& [name, role, component] : plan.components)
    apply_states(role, config.states[role], component);
  return plan;
}

}  // namespace chitu::memory
