#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "chitu_core/memory/states.h"

namespace chitu::memory {

/// How the VAE decodes.
enum class VaeTiling {
  off,    ///< whole frames
  exact,  ///< tiles with halos: the same picture up to rounding
  blend,  ///< overlapping tiles, blended as diffusers does: another picture, visibly so at seams
};

/// Their names in configurations and reports.
constexpr auto config_names(VaeTiling) {
  return std::array{std::pair{"off", VaeTiling::off}, std::pair{"exact", VaeTiling::exact},
                    std::pair{"blend", VaeTiling::blend}};
}

/// infer.vram_limit, infer.host_limit: so many bytes, or a share of what there is.
struct MemoryLimit {
  std::int64_t bytes = 0;
  double share = 0;  ///< 0 to 1; used when bytes is 0
  std::int64_t of(std::int64_t total_bytes) const {
    return bytes > 0 ? bytes : static_cast<std::int64_t>(share * static_cast<double>(total_bytes));
  }
  bool operator==(const MemoryLimit&) const = default;
};

/// What the user says about memory: the level, and keys that override single entries of its plan;
/// empty = as the level says.
struct MemoryConfig {
  std::optional<int> low_mem_level = 0;   ///< infer.diffusion.low_mem_level, 0 to 3; empty = auto
  std::optional<MemoryLimit> vram_limit;  ///< infer.vram_limit: of the device
  std::optional<MemoryLimit> host_limit;  ///< infer.host_limit: of the process
  std::vector<std::string> strategies;    ///< infer.strategies: after those of the level
  std::optional<VaeTiling> vae_tiling;    ///< infer.vae_tiling
  std::optional<std::int64_t> vae_tile_latents;  ///< infer.vae_tile_size
  /// infer.offload_text_encoder: true lets it go after its stage, false keeps it.
  std::optional<bool> offload_text_encoder;
  std::optional<bool> offload_vae;   ///< infer.offload_vae: likewise
  std::optional<bool> offload_dit;   ///< infer.offload_dit: true streams the transformer's layers
  bool text_encoder_on_cpu = false;  ///< infer.text_encoder_device=cpu
  /// infer.sequential_load: true brings every component in for its stages alone.
  std::optional<bool> sequential_load;
  std::optional<bool> guidance_interleave;         ///< infer.guidance_interleave
  std::optional<bool> offload_activations;         ///< infer.offload_activations
  std::optional<std::int64_t> activation_chunk;    ///< infer.activation_chunk: tokens
  std::optional<std::int64_t> prefetch_blocks;     ///< infer.prefetch_blocks: layers fetched ahead
  std::optional<bool> pin_memory;                  ///< infer.pin_memory
  ComponentStates text_encoder, transformer, vae;  ///< the group memory
  bool operator==(const MemoryConfig&) const = default;
};

}  // namespace chitu::memory
