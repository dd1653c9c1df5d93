#include "chitu_core/device/device.h"

#include <ATen/ATen.h>

#include "chitu_core/common/error.h"
#include "tests/support/catch.h"

namespace chitu::device {
namespace {

TEST_CASE("the CPU is always available, and auto is an available device", "[device]") {
  CHECK(resolve("cpu") == c10::Device(c10::kCPU));
  CHECK(available().front() == "cpu");
  CHECK_NOTHROW(resolve("auto"));
}

TEST_CASE("an error about an unavailable device lists the available ones", "[device]") {
  CHECK_THROWS_AS(resolve("nonsense"), InputError);
  CHECK_THROWS_WITH(
      resolve("nonsense"),
      Catch::ContainsSubstring("device=nonsense: no such device here, expected auto") &&
          Catch::ContainsSubstring("cpu"));
}

TEST_CASE("the host's peak includes freed memory", "[device]") {
  reset_peak(c10::kCPU);
  const auto before = memory_use(c10::kCPU);
  constexpr std::int64_t bytes = 64 << 20;
  at::ones({bytes / 4}).sum();
  const auto after = memory_use(c10::kCPU);
  CHECK(after.peak_bytes - before.allocated_bytes > bytes * 9 / 10);
}

}  // namespace
}  // namespace chitu::device
