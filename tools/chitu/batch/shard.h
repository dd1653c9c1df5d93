#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <string>

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

/// The value of an environment variable; empty when it is not set.
using Environment = std::function<std::optional<std::string>(const char*)>;

/// The shard that the environment names: of a Slurm array (SLURM_ARRAY_TASK_ID and its _MIN, _COUNT
/// and _STEP), of torchrun (RANK and WORLD_SIZE), or of both, where every task of the array starts
/// WORLD_SIZE processes. The whole list without any.
///
/// throws  InputError naming the variable
Shard environment_shard(const Environment& environment);

}  // namespace chitu::tools
