#include "pipelines/machine/calibration.h"

#include <filesystem>
#include <memory>
#include <vector>

#include "chitu_core/common/error.h"
#include "pipelines/machine/link_speed.h"
#include "tests/support/catch.h"
#include "tests/support/temporary_folder.h"
#include "tests/support/thread_ranks.h"

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

TEST_CASE("ranks measure the link between them, and all get the figures of the slowest",
          "[pipelines]") {
  const auto of_hosts = GENERATE(std::optional<int>(), std::optional<int>(2));
  std::vector<LinkSpeed> speeds(4);
  testing::on_ranks(4, [&](const std::shared_ptr<testing::ThreadCommunicator>& ranks) {
    speeds[static_cast<std::size_t>(ranks->rank())] =
        measure_link(*ranks, {.ranks_per_host = of_hosts,
                              .bytes = std::int64_t{1} << 20,
                              .large_times = 2,
                              .small_times = 3});
  });
  for (const LinkSpeed& speed : speeds) {
    CHECK(speed.ranks == 4);
    CHECK(speed.ranks_per_host == of_hosts);
    CHECK(speed.bandwidth.rate > 1e3);
    CHECK(speed.bandwidth.rate == speeds[0].bandwidth.rate);
    CHECK(speed.latency_s > 0);
    CHECK(speed.latency_s == speeds[0].latency_s);
  }
}

TEST_CASE("each figure of a link has its method", "[pipelines]") {
  LinkSpeed speed{.ranks = 2,
                  .ranks_per_host = {},
                  .bandwidth = {1.5e9, "64.0 MiB at once"},
                  .latency_s = 25e-6,
                  .latency_how = "4 B at once"};
  const std::string text =
      "# Measured by `chitu calibrate` with 2 ranks.\n"
      "name: gloo between 2 ranks, as measured\n"
      "bandwidth: 1500MB  # 64.0 MiB at once\n"
      "latency_us: 25.0  # 4 B at once\n"
      "shared: false  # what each rank has while all exchange\n";
  CHECK(to_yaml(speed) == text);
  speed.ranks_per_host = 1;
  CHECK(to_yaml(speed) == text + "ranks_per_host: 1\n");
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
