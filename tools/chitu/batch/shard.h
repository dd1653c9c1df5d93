#pragma once

#include <cstddef>
#include <string>

#include "chitu_core/parallel/launch.h"

namespace chitu::tools {

/// A part of a list of jobs: every `count`-th one.
struct Shard {
  std::size_t index = 0;  ///< from 0, below count
  std::size_t count = 1;

  bool is_whole() const { return count == 1; }
  bool has(std::size_t job) const { return job % count == index; }
  /// "2/4": numbers from 1.
  std::string text() const;
  /// The name of its folder: "shard-2-of-4".
  std::string folder_name() const;
  bool operator==(const Shard&) const = default;
};

/// Parses "2/4".
///
/// throws  InputError naming batch.shard
Shard parse_shard(const std::string& text);

/// The shard that the environment names: of a Slurm array (SLURM_ARRAY_TASK_ID and its _MIN, _COUNT
/// and _STEP), of a launch (parallel::read_launch()), or of both, where every task of the array is
/// a launch. The whole list without any.
///
/// ranks   of a launch that share a shard: consecutive ones, a divisor of its ranks
/// throws  InputError naming the variable
Shard environment_shard(const parallel::Environment& environment, int ranks = 1);

}  // namespace chitu::tools
