#include "chitu_core/common/registry.h"
#include "chitu_core/memory/memory_config.h"
#include "chitu_core/memory/plan.h"
#include "chitu_core/memory/strategy.h"

namespace chitu::memory {
namespace {

/// Decodes the high-resolution part of the VAE tile by tile, each with a halo as wide as its
/// receptive field: activations and caches of one tile instead of the whole frame, for some
/// recomputation and the same picture up to rounding.
class ExactVaeTiling final : public Strategy {
 public:
  void edit(MemoryPlan& plan, const MemoryConfig&) const override {
    plan.vae_tiling = VaeTiling::exact;
  }
};
CHITU_REGISTER(Strategy, ExactVaeTiling, "vae_tiling");

}  // namespace
}  // namespace chitu::memory
