#include <string>

#include "tests/support/catch.h"
#include "tests/support/fake_system.h"
#include "tests/tools/process.h"

namespace chitu::testing {
namespace {

constexpr const char* kScript = CHITU_SOURCE_DIR "/tools/lib/setup.sh";

std::string free_kib(const FakeSystem& system) {
  const std::string line =
      std::string("set -euo pipefail; . ") + kScript + "; free_kib " + system.path().string();
  const Finished run = Process({"/bin/bash", "-c", line}, system.path()).finish();
  INFO(run.err);
  CHECK(run.exit_code == 0);
  return run.out;
}

TEST_CASE("the number of compilers fits the memory that control groups of either version leave",
          "[e2e]") {
  const FakeSystem system;
  CHECK(free_kib(system) == "20971520\n");
  SECTION("v2, the outer group being tighter") {
    system.version_2("/outer/inner");
    system.group_2("/outer/inner", "max", "0");
    system.group_2("/outer", "8589934592", "7516192768",
                   "inactive_file 1073741824\nactive_file 1073741824\n", "max");
    CHECK(free_kib(system) == "3145728\n");
  }
  SECTION("v2, memory.high") {
    system.version_2("/job");
    system.group_2("/job", "max", "1073741824", "", "4294967296");
    CHECK(free_kib(system) == "3145728\n");
  }
  SECTION("v1, as a container sees it") {
    system.version_1("/docker/one", "/docker/one");
    system.group_1("", "4294967296", "2147483648",
                   "inactive_file 0\ntotal_inactive_file 1073741824\ntotal_active_file 0\n");
    CHECK(free_kib(system) == "3145728\n");
  }
  SECTION("v1, without a limit") {
    system.version_1("/job");
    system.group_1("/job", "9223372036854771712", "2147483648");
    CHECK(free_kib(system) == "20971520\n");
  }
}

}  // namespace
}  // namespace chitu::testing
