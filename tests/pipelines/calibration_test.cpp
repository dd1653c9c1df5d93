#include "pipelines/machine/calibration.h"

#include <filesystem>

#include "chitu_core/common/error.h"
#include "tests/support/catch.h"
#include "tests/support/temporary_folder.h"

namespace chitu::pipelines {
namespace {

using Catch::ContainsSubstring;

TEST_CASE("a drive is measured with a file that is removed afterwards", "[pipelines]") {
  const testing::TemporaryFolder folder;
  const Measured disk = measure_disk(folder.path(), 1 << 24);
  CHECK(disk.rate > 1e6);
  CHECK_THAT(disk.how, ContainsSubstring("a file of 16.0 MiB"));
  CHECK(std::filesystem::is_empty(folder.path()));
}

TEST_CASE("an unwritable folder is named in the error", "[pipelines]") {
  CHECK_THROWS_WITH(measure_disk("/nowhere/at/all", 1 << 24),
                    ContainsSubstring("/nowhere/at/all") && ContainsSubstring("cannot write"));
  CHECK_THROWS_AS(measure_disk("/nowhere/at/all", 1 << 24), InputError);
}

TEST_CASE("the CPU is measured quickly", "[pipelines]") {
  const testing::TemporaryFolder folder;
  const Calibration found = calibrate(
      {.disk_folder = folder.path(), .seconds_each = 0.01, .most_bytes = std::int64_t{1} << 24});
  REQUIRE(found.float32);
  CHECK(found.float32->rate > 1e7);
  CHECK_FALSE(found.tfloat32);
  CHECK(found.link.rate > 1e6);
  CHECK(found.memory.rate > found.disk.rate / 1e6);
  CHECK(found.memory_bytes > 0);
  CHECK(found.device == "cpu");
}

TEST_CASE("each figure of a profile has its method", "[pipelines]") {
  Calibration found;
  found.name = "Bob's CPU";
  found.device = found.where = "cpu";
  found.memory_bytes = 1 << 30;
  found.float32 = Measured{1.23456e11, "product of 2x2 matrices"};
  found.link = {9e9, "copies"};
  found.disk = {3.5e8, "reads"};
  found.memory = {2e10, "both ways"};
  CHECK(to_yaml(found) ==
        "# Measured by `chitu calibrate` on cpu.\n"
        "name: 'Bob''s CPU'\n"
        "device: cpu\n"
        "memory: 1073741824B\n"
        "flops:\n"
        "  bfloat16: null  # cannot, or not measured\n"
        "  float16: null  # cannot, or not measured\n"
        "  float8: null  # cannot, or not measured\n"
        "  tfloat32: null  # cannot, or not measured\n"
        "  float32: 1.235e+11  # product of 2x2 matrices\n"
        "link_bandwidth: 9.000GB  # copies\n"
        "disk_bandwidth: 350.000MB  # reads\n"
        "memory_bandwidth: 20.000GB  # both ways\n");
}

}  // namespace
}  // namespace chitu::pipelines
