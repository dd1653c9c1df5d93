#pragma once

#include <optional>
#include <string>

#include "chitu_core/memory/plan.h"

namespace chitu::memory {

struct MemoryConfig;

/// A plan that needs less device memory, and the override that selects it.
struct Saving {
  MemoryPlan plan;
  std::string change;  ///< override for all steps up to this one: "infer.vae_tile_size=16"
  std::string note;    ///< what it does: "smaller tiles"
  bool takes_host_memory = false;  ///< moves bytes to the host, so only device memory gets lower
};

/// One way to trade time for memory, registered under its name. The table in levels.cpp lists the
/// strategies of each level; infer.strategies names further ones.
class Strategy {
 public:
  virtual ~Strategy() = default;
  virtual void edit(MemoryPlan& plan, const MemoryConfig& config) const = 0;

  /// The next step of this strategy towards less memory, for a plan that does not fit; empty if
  /// there is none, or if a key of the configuration decides. low_mem_level auto and the limits
  /// take such steps, and `chitu plan --explain` shows them.
  virtual std::optional<Saving> cheaper(const MemoryPlan& plan, const MemoryConfig& config) const;

  /// Whether edit() would change nothing in this plan.
  bool is_in_effect(const MemoryPlan& plan, const MemoryConfig& config) const;
};

}  // namespace chitu::memory
