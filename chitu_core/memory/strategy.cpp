#include "chitu_core/memory/strategy.h"

namespace chitu::memory {

std::optional<Saving> Strategy::cheaper(const MemoryPlan&, const MemoryConfig&) const {
  return std::nullopt;
}

bool Strategy::is_in_effect(const MemoryPlan& plan, const MemoryConfig& config) const {
  MemoryPlan edited = plan;
  edit(edited, config);
  return edited == plan;
}

}  // namespace chitu::memory
