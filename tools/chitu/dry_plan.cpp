#include "tools/chitu/dry_plan.h"

#include <cctype>

#include "chitu_core/config/json.h"
#include "chitu_core/config/yaml_writer.h"
#include "pipelines/device_choices.h"

namespace chitu::tools {
namespace {

using config::Node;

Node text(std::string_view value) { return Node::literal(std::string(value)); }

/// As the group memory writes it, which knows float8 too.
std::string state_name(at::ScalarType dtype) {
  std::string name(pipelines::dtype_name(dtype));
  for (char& letter : name) letter = static_cast<char>(std::tolower(letter));
  return name;
}

/// In the words of the group memory: device, cpu or disk.
std::string_view rests_on(const memory::ComponentPlan& plan) {
  if (plan.residency == memory::Residency::resident) return "device";
  return plan.rests_on_host ? "cpu" : "disk";
}

Node component_node(const memory::ComponentPlan& plan) {
  config::Map entries;
  entries.set("residency", text(memory::to_string(plan.residency)));
  entries.set("device", text(plan.device.str()));
  entries.set("dtype", text(pipelines::dtype_name(plan.dtype)));
  entries.set("stored_dtype", text(state_name(plan.stored.value_or(plan.dtype))));
  entries.set("resident_layers", Node(plan.resident_layers));
  entries.set("rests_on", text(rests_on(plan)));
  return Node(std::move(entries));
}

Node plan_node(const memory::MemoryPlan& plan) {
  config::List strategies;
  for (const std::string& name : plan.strategies) strategies.push_back(text(name));
  config::Map entries;
  entries.set("low_mem_level", Node(plan.low_mem_level));
  entries.set("strategies", Node(std::move(strategies)));
  for (const char* name : {"text_encoder", "transformer", "vae"})
    entries.set(name, component_node(plan.component(name)));
  entries.set("vae_tiling", text(memory::to_string(plan.vae_tiling)));
  entries.set("vae_tile_latents", Node(plan.vae_tile_latents));
  entries.set("keep_text_kv", Node(plan.keep_text_kv));
  entries.set("guidance_interleave", Node(plan.guidance_interleave));
  entries.set("offload_activations", Node(plan.offload_activations));
  entries.set("prefetch_blocks", Node(plan.prefetch_blocks));
  return Node(std::move(entries));
}

/// A list even of one plan, so that readers need not tell the cases apart.
Node plans_node(const std::vector<memory::MemoryPlan>& plans) {
  config::List nodes;
  for (const memory::MemoryPlan& plan : plans) nodes.push_back(plan_node(plan));
  return Node(std::move(nodes));
}

}  // namespace

std::string to_yaml(const std::vector<memory::MemoryPlan>& plans) {
  return config::to_yaml(plans_node(plans));
}

std::string to_json(const std::vector<memory::MemoryPlan>& plans) {
  return config::to_json(plans_node(plans), 1) + "\n";
}

}  // namespace chitu::tools
