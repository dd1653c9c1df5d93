#include "chitu_core/common/registry.h"
#include "chitu_core/memory/plan.h"
#include "chitu_core/memory/strategy.h"

namespace chitu::memory {
namespace {

/// Holds the text encoder on the device only while it encodes. This frees its weights (10.6 GiB for
/// UMT5-XXL in bfloat16) before the transformer is loaded, for one copy of them per request.
class TextEncoderOffload final : public Strategy {
 public:
  void edit(MemoryPlan& plan, const MemoryConfig&) const override {
    plan.set_residency(Role::text_encoder, Residency::offloaded);
  }
};
CHITU_REGISTER(Strategy, TextEncoderOffload, "text_encoder_offload");

}  // namespace
}  // namespace chitu::memory
