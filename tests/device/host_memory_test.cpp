#include "chitu_core/device/host_memory.h"

#include "tests/support/catch.h"
#include "tests/support/fake_system.h"

namespace chitu::device {
namespace {

using Catch::ContainsSubstring;
using testing::FakeSystem;

constexpr std::int64_t kGiB = std::int64_t{1} << 30;

std::string gib(double count) {
  return std::to_string(static_cast<std::int64_t>(count * static_cast<double>(kGiB)));
}

constexpr const char* kNoLimit1 = "9223372036854771712";

TEST_CASE("without control groups the machine's memory is the limit", "[device]") {
  const FakeSystem system;
  const HostMemory memory = host_memory(system.path());
  CHECK(memory.room_bytes() == 32 * kGiB);
  CHECK(memory.free_bytes() == 20 * kGiB);
  CHECK(memory.tightest() == nullptr);
}

TEST_CASE("a limit of cgroup v2 applies, and page cache is free memory", "[device]") {
  const FakeSystem system;
  system.version_2("/");
  system.group_2("", gib(8), gib(7),
                 "anon 1\ninactive_file " + gib(3) + "\nactive_file " + gib(1) +
                     "\nslab_reclaimable " + gib(1) + "\n");
  const HostMemory memory = host_memory(system.path());
  CHECK(memory.room_bytes() == 8 * kGiB);
  CHECK(memory.free_bytes() == 6 * kGiB);
  REQUIRE(memory.tightest());
  CHECK(memory.tightest()->version == 2);
  CHECK(memory.tightest()->file == "/sys/fs/cgroup/memory.max");
  CHECK(memory.tightest()->reclaimable_bytes == 5 * kGiB);
}

TEST_CASE("the limits of all parents of a cgroup v2 group apply", "[device]") {
  const FakeSystem system;
  system.version_2("/user.slice/a job");
  system.group_2("/user.slice/a job", gib(12), gib(1));
  system.group_2("/user.slice", gib(16), gib(14), "inactive_file " + gib(3) + "\n");
  const HostMemory memory = host_memory(system.path());
  CHECK(memory.groups.size() == 2);
  CHECK(memory.room_bytes() == 12 * kGiB);  // the limit of the group itself is lower
  CHECK(memory.free_bytes() == 5 * kGiB);   // the outer group is nearly full
  CHECK(memory.tightest()->file == "/sys/fs/cgroup/user.slice/a job/memory.max");
}

TEST_CASE("memory.high is a limit, because the kernel slows a group down above it", "[device]") {
  const FakeSystem system;
  system.version_2("/job");
  system.group_2("/job", gib(12), gib(1), "", gib(4));
  const HostMemory memory = host_memory(system.path());
  CHECK(memory.room_bytes() == 4 * kGiB);
  CHECK(memory.free_bytes() == 3 * kGiB);
  CHECK(memory.tightest()->file == "/sys/fs/cgroup/job/memory.high");
}

TEST_CASE("a limit of cgroup v1 applies, and page cache is free memory", "[device]") {
  const FakeSystem system;
  system.version_1("/docker/one");
  system.group_1("", kNoLimit1, gib(30));
  system.group_1("/docker", kNoLimit1, gib(20));
  system.group_1("/docker/one", gib(6), gib(5),
                 "inactive_file 1\nactive_file 1\nhierarchical_memory_limit " + gib(6) +
                     "\ntotal_inactive_file " + gib(2) + "\ntotal_active_file " + gib(1) + "\n");
  const HostMemory memory = host_memory(system.path());
  CHECK(memory.room_bytes() == 6 * kGiB);
  CHECK(memory.free_bytes() == 4 * kGiB);
  CHECK(memory.tightest()->version == 1);
  CHECK(memory.tightest()->file == "/sys/fs/cgroup/memory/docker/one/memory.limit_in_bytes");
}

TEST_CASE("inside a container of cgroup v1 the mounted group is the process's own", "[device]") {
  const FakeSystem system;
  // Docker mounts the container's own group; proc/self/cgroup has its name outside the container.
  const std::string group = "/docker/one";
  SECTION("named as it is mounted") { system.version_1(group, group); }
  SECTION("named otherwise") { system.version_1("/", "/docker/one"); }
  SECTION("seen from a namespace") { system.version_1("/../other", "/"); }
  system.group_1("", gib(6), gib(5), "total_inactive_file " + gib(2) + "\n");
  const HostMemory memory = host_memory(system.path());
  CHECK(memory.room_bytes() == 6 * kGiB);
  CHECK(memory.free_bytes() == 3 * kGiB);
}

TEST_CASE("cgroup v1 reports limits of groups outside the container", "[device]") {
  const FakeSystem system;
  system.version_1("/pod/one", "/pod/one");
  system.group_1("", kNoLimit1, gib(1), "hierarchical_memory_limit " + gib(5) + "\n");
  const HostMemory memory = host_memory(system.path());
  CHECK(memory.room_bytes() == 5 * kGiB);
  CHECK(memory.tightest()->file == "/sys/fs/cgroup/memory/memory.stat");
}

TEST_CASE("without a list of mounts, the usual paths are read", "[device]") {
  const FakeSystem system;
  SECTION("v2") { system.group_2("", gib(4), gib(1)); }
  SECTION("v1") { system.group_1("", gib(4), gib(1)); }
  CHECK(host_memory(system.path()).room_bytes() == 4 * kGiB);
}

TEST_CASE("a limit above the machine's memory, or none, changes nothing", "[device]") {
  const FakeSystem system;
  SECTION("v2, max") {
    system.version_2("/job");
    system.group_2("/job", "max", gib(3));
  }
  SECTION("v2, more than there is") {
    system.version_2("/job");
    system.group_2("/job", gib(64), gib(3));
  }
  SECTION("v1") {
    system.version_1("/job");
    system.group_1("/job", kNoLimit1, gib(3),
                   std::string("hierarchical_memory_limit ") + kNoLimit1);
  }
  const HostMemory memory = host_memory(system.path());
  CHECK(memory.room_bytes() == 32 * kGiB);
  CHECK(memory.free_bytes() == 20 * kGiB);
}

TEST_CASE("a group above its limit has no free memory", "[device]") {
  const FakeSystem system;
  system.version_2("/job");
  system.group_2("/job", gib(4), gib(5), "inactive_file 0\n");
  CHECK(host_memory(system.path()).free_bytes() == 0);
}

TEST_CASE("the description has limit, use, reclaimable bytes, version and file", "[device]") {
  const FakeSystem system;
  system.version_1("/job");
  system.group_1("/job", gib(6), gib(5), "total_inactive_file " + gib(2) + "\n");
  const auto lines = describe(host_memory(system.path()));
  REQUIRE(lines.size() == 3);
  CHECK(lines[0] == "32.00 GiB in all, 20.00 GiB available");
  CHECK(lines[1] ==
        "cgroup v1 limit of 6.00 GiB (/sys/fs/cgroup/memory/job/memory.limit_in_bytes), 5.00 GiB "
        "used, of these 2.00 GiB reclaimable, 3.00 GiB free");
  CHECK(lines[2] == "6.00 GiB to plan with, 3.00 GiB of it free");
  system.group_1("/job", kNoLimit1, gib(5));
  CHECK_THAT(describe(host_memory(system.path()))[1],
             ContainsSubstring("cgroup v1 without a limit") && ContainsSubstring("5.00 GiB used"));
}

}  // namespace
}  // namespace chitu::device
