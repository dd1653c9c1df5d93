#include "chitu_core/device/control_group.h"

#include <algorithm>
#include <fstream>
#include <map>
#include <sstream>
#include <string>
#include <string_view>

namespace chitu::device {
namespace {

namespace fs = std::filesystem;

/// Where a hierarchy of groups is mounted, and the group at that mount point.
struct Mount {
  int version;
  std::string group;
  fs::path folder;
};

/// v1 writes the largest number of pages for "no limit".
constexpr std::int64_t kNoLimit = std::int64_t{1} << 62;

std::optional<std::int64_t> number_in(const fs::path& file) {
  std::ifstream stream(file);
  std::int64_t number = 0;
  return stream >> number ? std::optional(number) : std::nullopt;
}

/// The lines "name number" of memory.stat.
std::map<std::string, std::int64_t> numbers_in(const fs::path& file) {
  std::ifstream stream(file);
  std::map<std::string, std::int64_t> numbers;
  std::string name;
  for (std::int64_t number = 0; stream >> name >> number;) numbers[name] = number;
  return numbers;
}

std::vector<std::string> split(const std::string& text, char at) {
  std::istringstream stream(text);
  std::vector<std::string> parts;
  for (std::string part; std::getline(stream, part, at);) parts.push_back(part);
  return parts;
}

bool lists(const std::string& names, std::string_view name) {
  const auto parts = split(names, ',');
  return std::find(parts.begin(), parts.end(), name) != parts.end();
}

/// mountinfo writes spaces and backslashes as three octal digits.
std::string unescaped(const std::string& text) {
  std::string plain;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool escape = text[i] == '\\' && i + 3 < text.size() &&
                        text.substr(i + 1, 3).find_first_not_of("01234567") == std::string::npos;
    plain += escape ? static_cast<char>(std::stoi(text.substr(i + 1, 3), nullptr, 8)) : text[i];
    if (escape) i += 3;
  }
  return plain;
}

/// A line of mountinfo: "ID parent device group folder options ... - type source options".
std::optional<Mount> memory_mount(const std::string& line) {
  const std::size_t dash = line.find(" - ");
  const auto before = split(line, ' ');
  if (dash == std::string::npos || before.size() < 5) return std::nullopt;
  const auto after = split(line.substr(dash + 3), ' ');
  const bool second = after[0] == "cgroup2";
  const bool first = after[0] == "cgroup" && after.size() > 2 && lists(after[2], "memory");
  if (!first && !second) return std::nullopt;
  return Mount{second ? 2 : 1, unescaped(before[3]), unescaped(before[4])};
}

/// One mount of each version; the usual paths if the system does not list its mounts.
std::vector<Mount> memory_mounts(const fs::path& root) {
  std::ifstream stream(root / "proc/self/mountinfo");
  if (!stream) return {{2, "/", "/sys/fs/cgroup"}, {1, "/", "/sys/fs/cgroup/memory"}};
  std::vector<Mount> mounts;
  for (std::string line; std::getline(stream, line);) {
    const auto mount = memory_mount(line);
    const auto same = [&](const Mount& known) { return known.version == mount->version; };
    if (mount && std::none_of(mounts.begin(), mounts.end(), same)) mounts.push_back(*mount);
  }
  return mounts;
}

/// The process's group: lines of "hierarchy:controllers:group", of v2 "0::group".
std::string group_of_process(const fs::path& root, int version) {
  std::ifstream stream(root / "proc/self/cgroup");
  for (std::string line; std::getline(stream, line);) {
    const std::size_t first = line.find(':'), second = line.find(':', first + 1);
    if (second == std::string::npos) continue;
    const std::string controllers = line.substr(first + 1, second - first - 1);
    const bool found = version == 2 ? controllers.empty() : lists(controllers, "memory");
    if (found) return line.substr(second + 1);
  }
  return "/";
}

/// The folders of a group and its parents, as far as they are mounted. In a container the group may
/// not be below the mounted one; then it is the mounted one itself.
std::vector<fs::path> folders_of(const Mount& mount, const std::string& group) {
  const std::string above = mount.group == "/" ? "" : mount.group;
  const bool below = group.starts_with(above + "/") && group.find("/..") == std::string::npos;
  std::vector<fs::path> folders{mount.folder};
  if (!below) return folders;
  for (const fs::path& name : fs::path(group.substr(above.size() + 1)))
    if (!name.empty()) folders.push_back(folders.back() / name);
  std::reverse(folders.begin(), folders.end());
  return folders;
}

void limit(ControlGroup& group, std::optional<std::int64_t> bytes, const fs::path& file) {
  if (!bytes || *bytes >= kNoLimit || bytes >= group.limit_bytes.value_or(kNoLimit)) return;
  group.limit_bytes = bytes;
  group.file = file;
}

/// Reads through `root`, and names files as the process sees them.
class Reader {
 public:
  Reader(const fs::path& root, const fs::path& folder) : root_(root), folder_(folder) {}

  std::optional<ControlGroup> second() const {
    ControlGroup group{.version = 2, .file = folder_ / "memory.max"};
    const auto used = number("memory.current");
    if (!used) return std::nullopt;
    for (const char* name : {"memory.max", "memory.high"})
      limit(group, number(name), folder_ / name);
    group.used_bytes = *used;
    const auto stat = stats();
    set_reclaimable(group, stat, {"inactive_file", "active_file", "slab_reclaimable"});
    return group;
  }

  std::optional<ControlGroup> first() const {
    ControlGroup group{.version = 1, .file = folder_ / "memory.limit_in_bytes"};
    const auto used = number("memory.usage_in_bytes");
    if (!used) return std::nullopt;
    limit(group, number("memory.limit_in_bytes"), group.file);
    const auto stat = stats();
    const auto outer = stat.find("hierarchical_memory_limit");
    if (outer != stat.end()) limit(group, outer->second, folder_ / "memory.stat");
    group.used_bytes = *used;
    if (stat.contains("total_inactive_file"))  // with child groups, as in usage_in_bytes
      set_reclaimable(group, stat, {"total_inactive_file", "total_active_file"});
    else
      set_reclaimable(group, stat, {"inactive_file", "active_file"});
    return group;
  }

 private:
  fs::path real(const char* name) const { return root_ / (folder_ / name).relative_path(); }
  std::optional<std::int64_t> number(const char* name) const { return number_in(real(name)); }
  std::map<std::string, std::int64_t> stats() const { return numbers_in(real("memory.stat")); }

  static void set_reclaimable(ControlGroup& group, const std::map<std::string, std::int64_t>& stat,
                              std::initializer_list<const char*> names) {
    std::int64_t bytes = 0;
    for (const char* name : names)
      if (const auto found = stat.find(name); found != stat.end()) bytes += found->second;
    group.reclaimable_bytes = std::min(bytes, group.used_bytes);
  }

  const fs::path& root_;
  const fs::path& folder_;
};

}  // namespace

std::int64_t ControlGroup::free_bytes() const {
  return std::max<std::int64_t>(0, *limit_bytes - (used_bytes - reclaimable_bytes));
}

std::vector<ControlGroup> control_groups(const fs::path& root) {
  std::vector<ControlGroup> groups;
  for (const Mount& mount : memory_mounts(root))
    for (const fs::path& folder : folders_of(mount, group_of_process(root, mount.version))) {
      const Reader reader(root, folder);
      const auto group = mount.version == 2 ? reader.second() : reader.first();
      if (group) groups.push_back(*group);
    }
  return groups;
}

}  // namespace chitu::device
