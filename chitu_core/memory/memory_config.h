#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "chitu_core/memory/plan_entries.h"
#include "chitu_core/memory/states.h"

namespace chitu::config {
class Binder;
}

namespace chitu::memory {

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
/// empty = as the level says. bind() gives each its key below infer; `states` is the group memory.
struct MemoryConfig : PlanEntries<std::optional> {
  std::optional<int> low_mem_level = 0;   ///< 0 to 3; empty = auto
  std::optional<MemoryLimit> vram_limit;  ///< of the device
  std::optional<MemoryLimit> host_limit;  ///< of the process
  std::vector<std::string> strategies;    ///< applied after those of the level
  /// True drops the text encoder after its stage, false keeps it.
  std::optional<bool> offload_text_encoder;
  std::optional<bool> offload_vae;      ///< the same for the VAE
  std::optional<bool> offload_dit;      ///< true streams the transformer's layers
  std::optional<bool> sequential_load;  ///< true loads every component for its stages only
  bool text_encoder_on_cpu = false;
  RoleStates states;
  bool operator==(const MemoryConfig&) const = default;

  /// Declares the keys of the group infer that are about memory.
  ///
  /// more_of_diffusion  declares further keys of infer.diffusion; may be empty
  void bind(config::Binder& binder,
            const std::function<void(config::Binder&)>& more_of_diffusion = {});
};

}  // namespace chitu::memory
