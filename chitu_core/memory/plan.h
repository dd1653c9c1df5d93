#pragma once

#include <ATen/core/Tensor.h>
#include <c10/core/Device.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "chitu_core/memory/layer_stream.h"
#include "chitu_core/memory/memory_config.h"
#include "chitu_core/memory/weights.h"

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
  std::optional<at::ScalarType> stored{};  ///< what matrices of the layers wait in; empty = dtype
  bool rests_on_host = false;              ///< rests in host memory instead of on disk
  bool operator==(const ComponentPlan&) const = default;
  WeightFormat format() const { return {device, dtype, stored, rests_on_host}; }
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
  /// Both guidance branches pass through a layer before it goes; else one after the other, each
  /// with layers of its own passing by: half the hidden states for twice the copies.
  bool guidance_interleave = true;
  /// Of branches that pass together, the hidden states of those that do not compute rest in host
  /// memory: one branch's hidden states on the device for two copies of them per layer.
  bool offload_activations = false;
  std::int64_t activation_chunk = 0;  ///< tokens at once in a feed-forward; 0 = by their shape
  std::int64_t prefetch_blocks = 1;   ///< layers that are fetched while an earlier one computes
  bool pin_memory = true;             ///< pin the host memory that layers pass through

  const ComponentPlan& component(std::string_view name) const;
  StreamOptions stream_options(const ComponentPlan& component) const {
    return {component.resident_layers, static_cast<int>(1 + prefetch_blocks), pin_memory};
  }
  bool operator==(const MemoryPlan&) const = default;
};

/// The device and dtypes that the user chose, before any strategy.
struct PlanRequest {
  c10::Device device = c10::kCPU;
  at::ScalarType dtype = at::kFloat;
  at::ScalarType vae_dtype = at::kFloat;
};

/// Applies the strategies of the level's row, then those that the configuration names, then the
/// keys that override single entries. Without a level, which is then chosen for each request, those
/// of level 0.
///
/// throws  InputError for a strategy that this build does not have, with the nearest names
MemoryPlan make_plan(const MemoryConfig& config, const PlanRequest& request);

}  // namespace chitu::memory
