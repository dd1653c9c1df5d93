#include "chitu_core/nn/finite.h"

#include <ATen/ATen.h>

#include <limits>

#include "chitu_core/device/dry_run.h"
#include "chitu_core/device/sim.h"
#include "tests/support/catch.h"

namespace chitu::nn {
namespace {

const double kInfinity = std::numeric_limits<double>::infinity();
const double kNaN = std::numeric_limits<double>::quiet_NaN();

TEST_CASE("one number that is not finite is found at any place, in every dtype", "[nn]") {
  const auto dtype = GENERATE(at::kFloat, at::kBFloat16, at::kHalf, at::kDouble);
  const double bad = GENERATE(values<double>({kInfinity, -kInfinity, kNaN}));
  const auto position = GENERATE(0, 77'777, 299'999);
  CAPTURE(dtype, bad, position);
  at::Tensor tensor = at::full({300'000}, dtype == at::kHalf ? 65504.0 : 3e38).to(dtype);
  if (dtype == at::kBFloat16) tensor.fill_(3e38);
  CHECK(all_finite(tensor));
  tensor[position] = bad;
  CHECK_FALSE(all_finite(tensor));
}

TEST_CASE("of a view, only its own elements are checked", "[nn]") {
  at::Tensor whole = at::zeros({2, 3, 8, 8, 3});
  whole[1][2][7][7][2] = kNaN;
  const at::Tensor inner = whole.narrow(2, 0, 7).narrow(3, 0, 7);
  CHECK(all_finite(inner));
  CHECK_FALSE(all_finite(whole.narrow(2, 1, 7).narrow(3, 1, 7)));
  CHECK_FALSE(all_finite(whole.permute({0, 4, 1, 2, 3})));
  CHECK(all_finite(at::empty({0, 3})));
  CHECK_FALSE(all_finite(at::scalar_tensor(kNaN)));
}

TEST_CASE("the check allocates nothing on the simulated device", "[nn]") {
  const auto sim = device::configure_sim({});
  const at::Tensor tensor = at::ones({1000}).to(sim);
  const auto before = device::sim_traffic();
  CHECK(all_finite(tensor));
  const auto after = device::sim_traffic();
  CHECK(after.allocations == before.allocations);
  CHECK(after.d2h_bytes == before.d2h_bytes);
  CHECK_FALSE(all_finite(at::full({1000}, kNaN).to(sim)));
}

TEST_CASE("a dry run counts the one number that an accelerator returns, and nothing for sim",
          "[nn]") {
  const bool host_kernels = GENERATE(true, false);
  device::DryRun dry_run({.host_kernels = host_kernels, .granule = 512});
  const at::Tensor tensor = at::empty({1000}, at::TensorOptions().device(device::DryRun::device()));
  const auto before = dry_run.use();
  CHECK(all_finite(tensor));
  const auto after = dry_run.use();
  CHECK(after.device == before.device);
  CHECK(after.peak_device - before.peak_device == (host_kernels ? 0 : 512));
  CHECK(after.d2h - before.d2h == (host_kernels ? 0 : 4));
}

}  // namespace
}  // namespace chitu::nn
