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

  /// The least that the machine and the groups' limits have in all.
  std::int64_t room_bytes() const;
  /// The least that the machine and the groups have free, reclaimable memory included.
  std::int64_t free_bytes() const;
  /// The group of the lowest limit; without any limit the innermost; null where there is none.
  const ControlGroup* tightest() const;
};

/// root  the folder in which proc/ and sys/ are
HostMemory host_memory(const std::filesystem::path& root = "/");

/// Lines about the machine's memory, the tightest limit of a control group with the file that sets
/// it, and what is free in the end.
std::vector<std::string> describe(const HostMemory& memory);

/// A line of a file of the kernel's, such as VmHWM of proc/self/status, in bytes; 0 where the
/// system has none such.
std::int64_t kernel_bytes(const std::filesystem::path& file, std::string_view field);

}  // namespace chitu::device
