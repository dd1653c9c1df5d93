#pragma once

#include <cstdint>
#include <optional>

namespace chitu::memory {

/// What the user says about memory: the level, and keys that override single entries of its plan.
struct MemoryConfig {
  int low_mem_level = 0;                         ///< infer.diffusion.low_mem_level, 0 to 3
  std::optional<std::int64_t> vae_tile_latents;  ///< infer.vae_tile_size; empty = as the level says
  bool operator==(const MemoryConfig&) const = default;
};

}  // namespace chitu::memory
