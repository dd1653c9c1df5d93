#include "pipelines/forecast/forecast_words.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <vector>

#include "chitu_core/common/nearest.h"
#include "pipelines/model/device_choices.h"

namespace chitu::pipelines {
namespace {

using memory::ComponentPlan;
using memory::MemoryPlan;
using memory::Residency;

bool is_plainly_resident(const MemoryPlan::Component& component, const MemoryPlan& plan) {
  return component.plan.residency == Residency::resident && !component.plan.stored &&
         component.plan.device == plan.device;
}

std::string component_text(const std::string& name, const ComponentPlan& component,
                           c10::Device device) {
  std::string text = fmt::format("{} {}", name, memory::to_string(component.residency));
  if (component.residency != Residency::resident)
    text += component.rests_on_host ? " from host memory" : " from disk";
  if (component.stored) text += " in " + state_name(*component.stored);
  if (component.device != device) text += " on " + component.device.str();
  return text;
}

}  // namespace

std::string state_name(at::ScalarType dtype) {
  std::string name(dtype_name(dtype));
  for (char& letter : name) letter = static_cast<char>(std::tolower(letter));
  return name;
}

std::string components_text(const MemoryPlan& plan) {
  const auto is_plain = [&](const auto& component) { return is_plainly_resident(component, plan); };
  if (std::ranges::all_of(plan.components, is_plain)) return "everything resident";
  std::vector<std::string> texts;
  for (const auto& component : plan.components)
    texts.push_back(component_text(component.name, component.plan, plan.device));
  return join(texts);
}

std::string tiles_text(const MemoryPlan& plan) {
  switch (plan.vae_tiling) {
    case memory::VaeTiling::off:
      return "whole frames";
    case memory::VaeTiling::exact:
      return fmt::format("tiles of {} latents", plan.vae_tile_latents);
    case memory::VaeTiling::blend:
      return "blended tiles";
  }
  return "";
}

std::string layers_text(const MemoryPlan& plan, std::int64_t layers) {
  const ComponentPlan& transformer = plan.first(memory::Role::transformer);
  if (transformer.residency != Residency::streamed) return fmt::format("{}", layers);
  return fmt::format("{} of {}", transformer.resident_layers, layers);
}

std::string guidance_text(const MemoryPlan& plan) {
  if (!plan.guidance_interleave) return "one after the other";
  return plan.offload_activations ? "together, the waiting one offloaded" : "together";
}

}  // namespace chitu::pipelines
