#include "chitu_core/memory/levels.h"

#include <array>
#include <cstddef>

namespace chitu::memory {

const std::vector<std::string_view>& strategies_of_level(int low_mem_level) {
  static const std::array<std::vector<std::string_view>, kLevels> levels{{
      {},
      {"vae_tiling", "expert_offload"},
      {"vae_tiling", "expert_offload", "text_encoder_offload"},
      {"vae_tiling", "text_encoder_streaming", "transformer_streaming", "vae_offload"},
  }};
  return levels.at(static_cast<std::size_t>(low_mem_level));
}

}  // namespace chitu::memory
