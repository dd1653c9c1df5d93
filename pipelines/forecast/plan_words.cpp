#include "pipelines/forecast/plan_words.h"

#include <fmt/format.h>

#include <cctype>

#include "pipelines/model/device_choices.h"

namespace chitu::pipelines {
namespace {

using memory::ComponentPlan;
using memory::MemoryPlan;
using memory::Residency;

bool is_plainly_resident(const ComponentPlan& component, const MemoryPlan& plan) {
  return component.residency == Residency::resident && !component.stored &&
         component.device == plan.transformer.device;
}

std::string component_text(const char* name, const ComponentPlan& component,
                           const MemoryPlan& plan) {
  std::string text = fmt::format("{} {}", name, memory::to_string(component.residency));
  if (component.residency != Residency::resident)
    text += component.rests_on_host ? " from host memory" : " from disk";
  if (component.stored) text += " in " + state_name(*component.stored);
  if (component.device != plan.transformer.device) text += " on " + component.device.str();
  return text;
}

}  // namespace

std::string state_name(at::ScalarType dtype) {
  std::string name(dtype_name(dtype));
  for (char& letter : name) letter = static_cast<char>(std::tolower(letter));
  return name;
}

std::string components_text(const MemoryPlan& plan) {
  if (is_plainly_resident(plan.text_encoder, plan) && is_plainly_resident(plan.transformer, plan) &&
      is_plainly_resident(plan.vae, plan))
    return "everything resident";
  return fmt::format("{}, {}, {}", component_text("text_encoder", plan.text_encoder, plan),
                     component_text("transformer", plan.transformer, plan),
                     component_text("vae", plan.vae, plan));
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
  if (plan.transformer.residency != Residency::streamed) return fmt::format("{}", layers);
  return fmt::format("{} of {}", plan.transformer.resident_layers, layers);
}

std::string guidance_text(const MemoryPlan& plan) {
  if (!plan.guidance_interleave) return "one after the other";
  return plan.offload_activations ? "the waiting one on the host" : "together";
}

}  // namespace chitu::pipelines
