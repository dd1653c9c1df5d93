#include <algorithm>

#include "chitu_core/common/registry.h"
#include "chitu_core/memory/plan.h"
#include "chitu_core/memory/strategy.h"

namespace chitu::memory {
namespace {

/// Where a model has several transformers, or parts of one, that run one after the other, holds one
/// at a time on the device, for one copy of each per request: Wan 2.2 A14B has two of 14 billion
/// weights, Qwen-Image a modulation of 7 billion beside the other 13. Does nothing for a model with
/// one transformer.
class ExpertOffload final : public Strategy {
 public:
  void edit(MemoryPlan& plan, const MemoryConfig&) const override {
    const auto experts =
        std::ranges::count(plan.components, Role::transformer, &MemoryPlan::Component::role);
    if (experts > 1) plan.set_residency(Role::transformer, Residency::offloaded);
  }
};
CHITU_REGISTER(Strategy, ExpertOffload, "expert_offload");

}  // namespace
}  // namespace chitu::memory
