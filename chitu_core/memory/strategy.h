#pragma once

namespace chitu::memory {

struct MemoryConfig;
struct MemoryPlan;

/// One way to trade time for memory, found by the name under which it is registered. The table in
/// levels.cpp says which level uses which; infer.strategies names further ones.
class Strategy {
 public:
  virtual ~Strategy() = default;
  virtual void edit(MemoryPlan& plan, const MemoryConfig& config) const = 0;
};

}  // namespace chitu::memory
