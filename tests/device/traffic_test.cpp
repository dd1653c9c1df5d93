#include "chitu_core/device/traffic.h"

#include <ATen/ATen.h>

#include "chitu_core/device/device.h"
#include "tests/support/catch.h"

namespace chitu::device {
namespace {

TEST_CASE("traffic counts bytes between host and device in each direction", "[device]") {
  const c10::Device cuda(c10::kCUDA, 0);  // only counted, never used
  const Traffic before = traffic(cuda);
  count_copy(c10::kCPU, cuda, 5);
  count_copy(cuda, c10::kCPU, 7);
  count_copy(c10::kCPU, c10::kCPU, 100);
  count_copy(cuda, cuda, 100);
  CHECK(traffic(cuda).h2d_bytes - before.h2d_bytes == 5);
  CHECK(traffic(cuda).d2h_bytes - before.d2h_bytes == 7);
  CHECK(traffic(c10::kCPU).h2d_bytes == 0);
}

TEST_CASE("on the simulated device a copy is counted once", "[device]") {
  const c10::Device sim = resolve("sim");
  const Traffic before = traffic(sim);
  const at::Tensor there = move_to(at::ones({4}), sim);
  CHECK(traffic(sim).h2d_bytes - before.h2d_bytes == 16);
  CHECK(at::equal(move_to(there, c10::kCPU), at::ones({4})));
  CHECK(traffic(sim).d2h_bytes - before.d2h_bytes == 16);
  copy_into(there, at::zeros({4}));
  CHECK(traffic(sim).h2d_bytes - before.h2d_bytes == 32);
  CHECK(at::equal(there.to(at::kCPU), at::zeros({4})));
}

}  // namespace
}  // namespace chitu::device
