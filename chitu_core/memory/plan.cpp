#include "chitu_core/memory/plan.h"

#include "chitu_core/common/error.h"
#include "chitu_core/common/nearest.h"
#include "chitu_core/common/registry.h"
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

std::string_view to_string(VaeTiling tiling) {
  for (const auto& [name, value] : config_names(tiling))
    if (value == tiling) return name;
  return "";
}

const ComponentPlan& MemoryPlan::component(std::string_view name) const {
  if (name == "text_encoder") return text_encoder;
  if (name == "transformer") return transformer;
  if (name == "vae") return vae;
  throw Error("the memory plan has no component " + std::string(name));
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

void offload(ComponentPlan& component, const std::optional<bool>& wanted) {
  if (!wanted) return;
  if (!*wanted)
    component.residency = Residency::resident;
  else if (component.residency == Residency::resident)
    component.residency = Residency::offloaded;
}

void load_for_stages(ComponentPlan& component, bool alone) {
  const Residency from = alone ? Residency::resident : Residency::offloaded;
  if (component.residency == from)
    component.residency = alone ? Residency::offloaded : Residency::resident;
}

/// The keys that stand for a single entry, whatever the level says.
void override_entries(MemoryPlan& plan, const MemoryConfig& config) {
  if (config.vae_tile_latents) plan.vae_tile_latents = *config.vae_tile_latents;
  // Who names a tile's size wants tiles.
  if (config.vae_tile_latents && plan.vae_tiling == VaeTiling::off)
    plan.vae_tiling = VaeTiling::exact;
  if (config.vae_tiling) plan.vae_tiling = *config.vae_tiling;
  offload(plan.text_encoder, config.offload_text_encoder);
  offload(plan.vae, config.offload_vae);
  if (config.offload_dit) {
    plan.transformer.residency = *config.offload_dit ? Residency::streamed : Residency::resident;
    plan.keep_text_kv = !*config.offload_dit;
  }
  if (config.text_encoder_on_cpu) plan.text_encoder.device = c10::kCPU;
  if (config.sequential_load)
    for (ComponentPlan* component : {&plan.text_encoder, &plan.transformer, &plan.vae})
      load_for_stages(*component, *config.sequential_load);
  if (config.guidance_interleave) plan.guidance_interleave = *config.guidance_interleave;
  if (config.offload_activations) plan.offload_activations = *config.offload_activations;
  if (config.activation_chunk) plan.activation_chunk = *config.activation_chunk;
  if (config.prefetch_blocks) plan.prefetch_blocks = *config.prefetch_blocks;
  if (config.pin_memory) plan.pin_memory = *config.pin_memory;
}

}  // namespace

MemoryPlan make_plan(const MemoryConfig& config, const PlanRequest& request) {
  MemoryPlan plan;
  plan.low_mem_level = config.low_mem_level.value_or(0);
  plan.text_encoder = {Residency::resident, request.device, request.dtype};
  plan.transformer = {Residency::resident, request.device, request.dtype};
  plan.vae = {Residency::resident, request.device, request.vae_dtype};
  for (const std::string& name : strategies_of(plan.low_mem_level, config)) {
    find_strategy(name).edit(plan, config);
    plan.strategies.push_back(name);
  }
  override_entries(plan, config);
  apply_states("text_encoder", config.text_encoder, plan.text_encoder);
  apply_states("transformer", config.transformer, plan.transformer);
  apply_states("vae", config.vae, plan.vae);
  return plan;
}

}  // namespace chitu::memory
