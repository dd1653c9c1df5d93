#include "pipelines/plan_json.h"

#include <nlohmann/json.hpp>
#include <string_view>

#include "pipelines/device_choices.h"
#include "pipelines/plan_words.h"

namespace chitu::pipelines {
namespace {

std::string_view rests_on(const memory::ComponentPlan& plan) {
  if (plan.residency == memory::Residency::resident) return "device";
  return plan.rests_on_host ? "cpu" : "disk";
}

nlohmann::ordered_json component_json(const memory::ComponentPlan& plan) {
  return {{"residency", memory::to_string(plan.residency)},
          {"device", plan.device.str()},
          {"dtype", dtype_name(plan.dtype)},
          {"stored_dtype", state_name(plan.stored.value_or(plan.dtype))},
          {"resident_layers", plan.resident_layers},
          {"rests_on", rests_on(plan)}};
}

}  // namespace

nlohmann::ordered_json to_json(const memory::MemoryPlan& plan) {
  return {{"low_mem_level", plan.low_mem_level},
          {"strategies", plan.strategies},
          {"text_encoder", component_json(plan.text_encoder)},
          {"transformer", component_json(plan.transformer)},
          {"vae", component_json(plan.vae)},
          {"vae_tiling", memory::to_string(plan.vae_tiling)},
          {"vae_tile_latents", plan.vae_tile_latents},
          {"keep_text_kv", plan.keep_text_kv},
          {"guidance_interleave", plan.guidance_interleave},
          {"offload_activations", plan.offload_activations},
          {"activation_chunk", plan.activation_chunk},
          {"prefetch_blocks", plan.prefetch_blocks},
          {"pin_memory", plan.pin_memory}};
}

}  // namespace chitu::pipelines
