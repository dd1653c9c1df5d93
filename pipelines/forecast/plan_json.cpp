#include "pipelines/forecast/plan_json.h"

#include <nlohmann/json.hpp>
#include <string_view>

#include "pipelines/forecast/plan_words.h"
#include "pipelines/model/device_choices.h"

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

nlohmann::json to_json(const PlanChoice& choice) {
  using nlohmann::json;
  json rejected = json::array();
  for (const auto& level : choice.rejected)
    rejected.push_back({{"low_mem_level", level.low_mem_level},
                        {"needed_bytes", level.needed_bytes},
                        {"needed_host_bytes", level.needed_host_bytes}});
  json text{{"budget", choice.budget.source},
            {"budget_bytes", choice.budget.bytes ? json(*choice.budget.bytes) : json()},
            {"needed_bytes", choice.needed_bytes},
            {"needed_host_bytes", choice.needed_host_bytes},
            {"rejected", rejected}};
  if (choice.budget.host_bytes) text["host_budget_bytes"] = *choice.budget.host_bytes;
  for (const auto& [level, least_s] : choice.predicted) {
    text["predicted"].push_back({{"low_mem_level", level}, {"least_seconds", least_s}});
    if (level == choice.forecast.plan.low_mem_level) text["predicted_least_seconds"] = least_s;
  }
  return text;
}

nlohmann::json to_json(const Overrun& overrun) {
  return {{"limit", overrun.source},
          {"limit_bytes", overrun.limit_bytes},
          {"peak_bytes", overrun.peak_bytes}};
}

}  // namespace chitu::pipelines
