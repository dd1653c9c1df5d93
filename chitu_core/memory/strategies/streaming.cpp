#include "chitu_core/common/registry.h"
#include "chitu_core/memory/plan.h"
#include "chitu_core/memory/strategy.h"

namespace chitu::memory {
namespace {

/// Holds two layers of the transformer on the device at a time, for any size of model, and copies
/// all layers once per step. The keys and values of the prompt are computed again in every step:
/// cached, they would take a layer's worth of memory per prompt.
class TransformerStreaming final : public Strategy {
 public:
  void edit(MemoryPlan& plan, const MemoryConfig&) const override {
    plan.set_residency(Role::transformer, Residency::streamed);
    plan.keep_text_kv = false;
  }
};
CHITU_REGISTER(Strategy, TransformerStreaming, "transformer_streaming");

/// Holds two layers of the text encoder on the device at a time and gathers the rows of its token
/// table on the host, for one copy of all layers per request.
class TextEncoderStreaming final : public Strategy {
 public:
  void edit(MemoryPlan& plan, const MemoryConfig&) const override {
    plan.set_residency(Role::text_encoder, Residency::streamed);
  }
};
CHITU_REGISTER(Strategy, TextEncoderStreaming, "text_encoder_streaming");

/// Loads the VAE for its stage only.
class VaeOffload final : public Strategy {
 public:
  void edit(MemoryPlan& plan, const MemoryConfig&) const override {
    plan.set_residency(Role::vae, Residency::offloaded);
  }
};
CHITU_REGISTER(Strategy, VaeOffload, "vae_offload");

}  // namespace
}  // namespace chitu::memory
