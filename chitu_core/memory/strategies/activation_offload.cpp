#include "chitu_core/common/registry.h"
#include "chitu_core/memory/plan.h"
#include "chitu_core/memory/strategy.h"

namespace chitu::memory {
namespace {

/// Holds the hidden states of one guidance branch on the device at a time while both pass through a
/// layer: one branch's hidden states less, for a copy of them each way per layer. In no level's
/// row: sending the branches one after the other saves as much and moves no activations.
class ActivationOffload final : public Strategy {
 public:
  void edit(MemoryPlan& plan, const MemoryConfig&) const override {
    plan.offload_activations = true;
  }
};
CHITU_REGISTER(Strategy, ActivationOffload, "activation_offload");

}  // namespace
}  // namespace chitu::memory
