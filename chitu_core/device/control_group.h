#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <vector>

namespace chitu::device {

/// Memory limit and use of one control group (cgroup), as in a container.
struct ControlGroup {
  int version = 2;                            ///< of cgroup: 1 or 2
  std::filesystem::path file;                 ///< that holds the limit
  std::optional<std::int64_t> limit_bytes{};  ///< empty = none
  std::int64_t used_bytes = 0;                ///< by all its processes, page cache included
  std::int64_t reclaimable_bytes = 0;         ///< of used_bytes; the kernel frees them on demand

  /// What is left of the limit. Call it only if there is one.
  std::int64_t free_bytes() const;
};

/// The memory control groups of this process, innermost first, each followed by its parents: all
/// of their limits apply. In cgroup v2 the limit is the smaller one of memory.max and memory.high
/// (above memory.high the kernel throttles the group). In v1 it includes limits of groups outside
/// the container if the kernel reports them.
///
/// root  the folder that contains proc/ and sys/
std::vector<ControlGroup> control_groups(const std::filesystem::path& root = "/");

}  // namespace chitu::device
