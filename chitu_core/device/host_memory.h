#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "chitu_core/device/control_group.h"

namespace chitu::device {

/// The host's memory as this process may use it.
struct HostMemory {
  std::int64_t total_bytes = 0;      ///< of the machine
  std::int64_t available_bytes = 0;  ///< of the machine, without swapping
  std::vector<ControlGroup> groups;  ///< of this process

  /// The smallest one of the machine's memory and the groups' limits.
  std::int64_t room_bytes() const;
  /// The smallest free amount of the machine and the groups, reclaimable memory included.
  std::int64_t free_bytes() const;
  /// The group with the lowest limit; if none has a limit, the innermost; null without groups.
  const ControlGroup* tightest() const;
};

/// root  the folder that contains proc/ and sys/
HostMemory host_memory(const std::filesystem::path& root = "/");

/// Lines for the user: the machine's memory, the lowest limit of a control group with its file, and
/// the memory that is free.
std::vector<std::string> describe(const HostMemory& memory);

/// A field of a kernel file, such as VmHWM of /proc/self/status, in bytes; 0 if it is missing.
std::int64_t kernel_bytes(const std::filesystem::path& file, std::string_view field);

}  // namespace chitu::device
