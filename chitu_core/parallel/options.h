#pragma once

#include <memory>
#include <string>

namespace chitu::device {
class SharedHostMemory;
}

namespace chitu::parallel {

struct Groups;

/// How the ranks of a launch share one generation.
struct ParallelOptions {
  int cp_size = 1;               ///< ranks that share the sequence of one guidance branch
  int up = 0;                    ///< Ulysses degree, a divisor of cp_size; 0: the largest possible
  int cfg_size = 1;              ///< 1, or 2: each branch of the guidance has its own ranks
  std::string backend = "auto";  ///< auto, ulysses, ring or allgather
  /// All ranks read weights together: each a share, which it sends to the others.
  bool shard_weights = false;
  std::shared_ptr<const Groups> groups;  ///< null: one process
  /// Of the ranks on this host; null = each has its own.
  std::shared_ptr<device::SharedHostMemory> host_memory{};

  int world_size() const { return cp_size * cfg_size; }
  bool operator==(const ParallelOptions&) const = default;
};

}  // namespace chitu::parallel
