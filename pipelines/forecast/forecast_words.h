#pragma once

#include <cstdint>
#include <string>

#include "chitu_core/memory/plan.h"

namespace chitu::pipelines {

/// A dtype as the group memory writes it, float8 included: "float8_e4m3fn".
std::string state_name(at::ScalarType dtype);

/// Placement of a plan's components, no matter which strategy or key decided it: "everything
/// resident", "text_encoder resident, transformer streamed from disk in float8_e4m3fn, vae
/// resident".
std::string components_text(const memory::MemoryPlan& plan);

/// "whole frames", "tiles of 32 latents", "blended tiles".
std::string tiles_text(const memory::MemoryPlan& plan);

/// Layers of the transformer that are on the device while it computes: "40", "12 of 40".
std::string layers_text(const memory::MemoryPlan& plan, std::int64_t layers);

/// "together", "one after the other", "together, the waiting one offloaded".
std::string guidance_text(const memory::MemoryPlan& plan);

}  // namespace chitu::pipelines
