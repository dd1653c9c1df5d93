#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <vector>

namespace chitu::device {

/// What one control group (cgroup) allows its processes, as in a container.
struct ControlGroup {
  int version = 2;                            ///< of cgroup: 1 or 2
  std::filesystem::path file;                 ///< that says the limit
  std::optional<std::int64_t> limit_bytes{};  ///< empty = none
  std::int64_t used_bytes = 0;                ///< by all its processes, with their page cache
  std::int64_t reclaimable_bytes = 0;         ///< of these: what the kernel frees when asked

  /// Of the limit; needs one.
  std::int64_t free_bytes() const;
};

/// The memory control groups of this process, innermost first, each followed by those that it is
/// in: all of their limits hold. Of cgroup v2 the limit is the lesser of memory.max and
/// memory.high, above which the kernel slows a group down until it frees; of v1 that of the groups
/// outside the container counts, too, where the kernel tells it.
///
/// root  the folder in which proc/ and sys/ are
std::vector<ControlGroup> control_groups(const std::filesystem::path& root = "/");

}  // namespace chitu::device
