#include <fmt/format.h>

#include <algorithm>
#include <iterator>

#include "chitu_core/common/registry.h"
#include "chitu_core/memory/memory_config.h"
#include "chitu_core/memory/strategy.h"

namespace chitu::memory {
namespace {

/// Sides of exact tiles in latents, after the default. The decoder accepts none below 8.
constexpr std::int64_t kSmallerTiles[] = {24, 16, 8};

/// Decodes the high-resolution part of the VAE tile by tile, each with a halo as wide as its
/// receptive field. Activations and caches are those of one tile instead of the whole frame, some
/// positions are computed twice, and the picture is the same up to rounding. Smaller tiles hold
/// less and recompute more.
class ExactVaeTiling final : public Strategy {
 public:
  void edit(MemoryPlan& plan, const MemoryConfig&) const override {
    plan.vae_tiling = VaeTiling::exact;
  }

  std::optional<Saving> cheaper(const MemoryPlan& plan, const MemoryConfig& config) const override {
    switch (plan.vae_tiling) {
      case VaeTiling::off:
        return config.vae_tiling ? std::nullopt : std::optional(in_tiles(plan));
      case VaeTiling::exact:
        return config.vae_tile_latents ? std::nullopt : smaller(plan);
      case VaeTiling::blend:
        break;
    }
    return std::nullopt;
  }

 private:
  static Saving in_tiles(MemoryPlan plan) {
    plan.vae_tiling = VaeTiling::exact;
    return {std::move(plan), "infer.vae_tiling=exact", "decodes in tiles"};
  }
  static std::optional<Saving> smaller(MemoryPlan plan) {
    const auto side = std::find_if(std::begin(kSmallerTiles), std::end(kSmallerTiles),
                                   [&](std::int64_t tile) { return tile < plan.vae_tile_latents; });
    if (side == std::end(kSmallerTiles)) return std::nullopt;
    plan.vae_tile_latents = *side;
    return Saving{std::move(plan), fmt::format("infer.vae_tile_size={}", *side), "smaller tiles"};
  }
};
CHITU_REGISTER(Strategy, ExactVaeTiling, "vae_tiling");

}  // namespace
}  // namespace chitu::memory
