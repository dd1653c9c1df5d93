#pragma once

#include <memory>

#include "chitu_core/memory/shared_weights.h"
#include "chitu_core/parallel/options.h"

namespace chitu::memory {
class Component;
}

namespace chitu::pipelines {

/// What the ranks of a launch share of their weights.
struct WeightSharing {
  /// Read all weights together (ParallelOptions::shard_weights); null = each reads its own.
  std::shared_ptr<memory::WeightReaders> readers{};
  /// Holds what the ranks of a host keep there; null = each has its own copy, or its own part of
  /// what the readers read together.
  std::shared_ptr<device::SharedHostMemory> host_memory{};

  void apply(memory::Component& component) const;
};

/// for_plan  a dry run counts what rank 0 reads, sends and holds
WeightSharing weight_sharing(const parallel::ParallelOptions& options, bool for_plan);

}  // namespace chitu::pipelines
