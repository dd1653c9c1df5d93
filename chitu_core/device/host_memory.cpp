#include "chitu_core/device/host_memory.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <fstream>
#include <string>
#include <string_view>

#include "chitu_core/common/bytes.h"
#include "chitu_core/common/system_limits.h"

namespace chitu::device {

std::int64_t HostMemory::room_bytes() const {
  std::int64_t bytes = total_bytes;
  for (const ControlGroup& group : groups)
    if (group.limit_bytes) bytes = std::min(bytes, *group.limit_bytes);
  return bytes;
}

std::int64_t HostMemory::free_bytes() const {
  std::int64_t bytes = available_bytes;
  for (const ControlGroup& group : groups)
    if (group.limit_bytes) bytes = std::min(bytes, group.free_bytes());
  return bytes;
}

const ControlGroup* HostMemory::tightest() const {
  const ControlGroup* found = groups.empty() ? nullptr : &groups.front();
  for (const ControlGroup& group : groups)
    if (group.limit_bytes && (!found->limit_bytes || *group.limit_bytes < *found->limit_bytes))
      found = &group;
  return found;
}

HostMemory host_memory(const std::filesystem::path& root) {
  const auto meminfo = root / "proc/meminfo";
  return {kernel_bytes(meminfo, "MemTotal:"), kernel_bytes(meminfo, "MemAvailable:"),
          control_groups(root)};
}

namespace {

std::string describe(const ControlGroup& group) {
  if (!group.limit_bytes)
    return fmt::format("cgroup v{} without a limit ({}), {} used, of these {} reclaimable",
                       group.version, group.file.string(), format_bytes(group.used_bytes),
                       format_bytes(group.reclaimable_bytes));
  return fmt::format("cgroup v{} limit of {} ({}), {} used, of these {} reclaimable, {} free",
                     group.version, format_bytes(*group.limit_bytes), group.file.string(),
                     format_bytes(group.used_bytes), format_bytes(group.reclaimable_bytes),
                     format_bytes(group.free_bytes()));
}

}  // namespace

std::vector<std::string> describe(const HostMemory& memory) {
  std::vector<std::string> lines{fmt::format("{} in all, {} available",
                                             format_bytes(memory.total_bytes),
                                             format_bytes(memory.available_bytes))};
  if (const ControlGroup* group = memory.tightest()) lines.push_back(describe(*group));
  lines.push_back(fmt::format("{} to plan with, {} of it free", format_bytes(memory.room_bytes()),
                              format_bytes(memory.free_bytes())));
  return lines;
}

std::int64_t kernel_bytes(const std::filesystem::path& file, std::string_view field) {
  std::ifstream lines(file);
  if (!lines && is_system_limit(errno)) fail_system_call(file.string(), errno);
  for (std::string line; std::getline(lines, line);)
    if (line.starts_with(field)) return std::stoll(line.substr(field.size())) * 1024;
  return 0;
}

}  // namespace chitu::device
