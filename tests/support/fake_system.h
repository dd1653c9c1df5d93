#pragma once

#include <filesystem>
#include <string>

#include "chitu_core/common/files.h"
#include "tests/support/temporary_folder.h"

namespace chitu::testing {

/// A folder with the files of proc/ and sys/ that describe a machine with 32 GiB, 20 of them
/// available, and its control groups.
class FakeSystem {
 public:
  FakeSystem() {
    write("proc/meminfo",
          "MemTotal:       33554432 kB\nMemFree: 1024 kB\n"
          "MemAvailable:   20971520 kB\n");
  }

  void write(const std::string& file, const std::string& text) const {
    std::filesystem::create_directories((folder_ / file).parent_path());
    write_file(folder_ / file, text);
  }
  /// A process in a group of cgroup v2. `mounted` is the group that a container sees as the root.
  void version_2(const std::string& group, const std::string& mounted = "/") const {
    write("proc/self/cgroup", "0::" + group + "\n");
    write("proc/self/mountinfo", "24 1 0:22 / / rw - ext4 /dev/sda rw\n31 24 0:26 " + mounted +
                                     " /sys/fs/cgroup rw,nosuid shared:9 - cgroup2 cgroup rw\n");
  }
  /// The same for cgroup v1, with hierarchies that have no memory controller beside it.
  void version_1(const std::string& group, const std::string& mounted = "/") const {
    write("proc/self/cgroup",
          "5:cpu,cpuacct:/other\n4:memory:" + group + "\n1:name=systemd:/x\n0::/\n");
    write("proc/self/mountinfo",
          "30 24 0:25 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu,cpuacct\n"
          "31 24 0:26 " +
              mounted +
              " /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n"
              "32 24 0:27 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n");
  }
  void group_2(const std::string& folder, const std::string& max, const std::string& used,
               const std::string& stat = "", const std::string& high = "max") const {
    write("sys/fs/cgroup" + folder + "/memory.max", max + "\n");
    write("sys/fs/cgroup" + folder + "/memory.high", high + "\n");
    write("sys/fs/cgroup" + folder + "/memory.current", used + "\n");
    write("sys/fs/cgroup" + folder + "/memory.stat", stat);
  }
  void group_1(const std::string& folder, const std::string& limit, const std::string& used,
               const std::string& stat = "") const {
    write("sys/fs/cgroup/memory" + folder + "/memory.limit_in_bytes", limit + "\n");
    write("sys/fs/cgroup/memory" + folder + "/memory.usage_in_bytes", used + "\n");
    write("sys/fs/cgroup/memory" + folder + "/memory.stat", stat);
  }
  const std::filesystem::path& path() const { return folder_.path(); }

 private:
  TemporaryFolder folder_;
};

}  // namespace chitu::testing
