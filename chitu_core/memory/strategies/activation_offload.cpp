#include "chitu_core/common/registry.h"
#include "chitu_core/memory/memory_config.h"
#include "chitu_core/memory/strategy.h"

namespace chitu::memory {
namespace {

/// Holds the hidden states of one guidance branch on the device at a time while both pass a layer:
/// saves one branch's hidden states, for a copy of them in each direction per layer. No level uses
/// it: running the branches one after the other saves as much without moving activations. If even
/// that does not fit, this also keeps the first branch's prediction off the device.
class ActivationOffload final : public Strategy {
 public:
  void edit(MemoryPlan& plan, const MemoryConfig&) const override {
    plan.offload_activations = true;
  }

  std::optional<Saving> cheaper(const MemoryPlan& plan, const MemoryConfig& config) const override {
    const bool on_cpu = plan.device.is_cpu();  // a CPU has nowhere to offload to
    if (plan.offload_activations && !on_cpu) return std::nullopt;
    if (plan.guidance_interleave && !config.guidance_interleave) return one_after_the_other(plan);
    if (config.offload_activations || on_cpu) return std::nullopt;
    return offloaded(plan, config.guidance_interleave.value_or(true));
  }

 private:
  static Saving one_after_the_other(MemoryPlan plan) {
    plan.guidance_interleave = false;
    return {std::move(plan), "infer.guidance_interleave=false", "one guidance branch at a time"};
  }
  static Saving offloaded(MemoryPlan plan, bool interleave) {
    plan.guidance_interleave = interleave;
    plan.offload_activations = true;
    return {std::move(plan), "infer.offload_activations=true",
            "the waiting guidance branch is offloaded to the host", true};
  }
};
CHITU_REGISTER(Strategy, ActivationOffload, "activation_offload");

}  // namespace
}  // namespace chitu::memory
