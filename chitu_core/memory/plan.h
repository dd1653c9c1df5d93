#pragma once

#include <ATen/core/Tensor.h>
#include <c10/core/Device.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "chitu_core/memory/memory_config.h"

namespace chitu::memory {

/// Where a component's weights are while no stage uses it.
enum class Residency {
  resident,   ///< on the device from its first stage on
  offloaded,  ///< brought in for its stages alone, dropped after each
  streamed,   ///< layer by layer while its stages run, dropped after each
};
std::string_view to_string(Residency residency);
std::string_view to_string(VaeTiling tiling);

struct ComponentPlan {
  Residency residency = Residency::resident;
  c10::Device device = c10::kCPU;     ///< where it computes
  at::ScalarType dtype = at::kFloat;  ///< what its weights compute in
  std::int64_t resident_layers = 0;   ///< of a streamed component: layers that stay on the device
  bool operator==(const ComponentPlan&) const = default;
};

/// What each component does about memory. Strategies write it, the executor and the models obey it.
struct MemoryPlan {
  int low_mem_level = 0;
  std::vector<std::string> strategies;  ///< names, in the order they were applied
  ComponentPlan text_encoder;
  ComponentPlan transformer;
  ComponentPlan vae;
  VaeTiling vae_tiling = VaeTiling::off;
  std::int64_t vae_tile_latents = 32;  ///< side of an exact tile: 256 pixels, as diffusers has it
  /// Keep the cross-attention keys and values of a prompt, the same at every step, between steps.
  bool keep_text_kv = true;

  const ComponentPlan& component(std::string_view name) const;
};

/// The device and dtypes that the user chose, before any strategy.
struct PlanRequest {
  c10::Device device = c10::kCPU;
  at::ScalarType dtype = at::kFloat;
  at::ScalarType vae_dtype = at::kFloat;
};

/// Applies the strategies of the level's row, then the keys that override single entries.
///
/// throws  InputError when the level names a strategy that this build does not have
MemoryPlan make_plan(const MemoryConfig& config, const PlanRequest& request);

}  // namespace chitu::memory
