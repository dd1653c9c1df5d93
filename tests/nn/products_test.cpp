#include "chitu_core/nn/products.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include "chitu_core/device/dry_run.h"
#include "tests/support/catch.h"

namespace chitu::nn {
namespace {

at::Tensor wave(at::IntArrayRef sizes, double frequency) {
  return at::sin(at::arange(c10::multiply_integers(sizes), at::kFloat) * frequency).view(sizes);
}

TEST_CASE("a linear map of few and of many rows equals that of float64 up to rounding",
          "[nn][cpu]") {
  for (const std::int64_t rows : {1, 31, 32, 300})
    for (const std::int64_t in : {1, 48, 130}) {
      INFO(rows << " rows of " << in);
      const at::Tensor x = wave({1, rows, in}, 0.7), weight = wave({70, in}, 1.3);
      const at::Tensor bias = wave({70}, 0.3);
      const at::Tensor right =
          at::linear(x.to(at::kDouble), weight.to(at::kDouble), bias.to(at::kDouble));
      const at::Tensor y = linear_map(x, weight, bias);
      CHECK(y.sizes() == at::IntArrayRef{1, rows, 70});
      CHECK(y.is_contiguous());
      CHECK(at::allclose(y.to(at::kDouble), right, 1e-5, 1e-5));
    }
}

TEST_CASE("a linear map without bias has the same bits on any number of threads", "[nn][cpu]") {
  const at::Tensor x = wave({1, 200, 96}, 0.7), weight = wave({130, 96}, 1.3);
  const at::Tensor once = linear_map(x, weight, std::nullopt);
  const int before = at::get_num_threads();
  for (const int threads : {1, 3, 8}) {
    at::set_num_threads(threads);
    CHECK(at::equal(linear_map(x, weight, std::nullopt), once));
  }
  at::set_num_threads(before);
}

TEST_CASE("half precision in wider products equals float32 rounded once", "[nn][cpu]") {
  for (const at::ScalarType dtype : {at::kBFloat16, at::kHalf}) {
    const at::Tensor x = wave({1, 200, 96}, 0.7).to(dtype), weight = wave({130, 96}, 1.3).to(dtype);
    const at::Tensor bias = wave({130}, 0.3).to(dtype);
    if (product_dtype(x) == dtype) continue;
    const at::Tensor wide =
        linear_map(x.to(at::kFloat), weight.to(at::kFloat), bias.to(at::kFloat));
    CHECK(at::equal(linear_map(x, weight, bias), wide.to(dtype)));
  }
}

TEST_CASE("a dry run of a linear map counts its result and its operations", "[nn][cpu]") {
  const device::DryRun dry_run({});
  const auto on_device = at::TensorOptions().device(device::DryRun::device());
  const at::Tensor x = at::empty({1, 200, 96}, on_device), weight = at::empty({130, 96}, on_device);
  const std::int64_t before = dry_run.use().device;
  const at::Tensor y = linear_map(x, weight, std::nullopt);
  CHECK(y.sizes() == at::IntArrayRef{1, 200, 130});
  CHECK(dry_run.use().device - before == 4 * 200 * 130);
  CHECK(dry_run.use().peak_device - before == 4 * 200 * 130);
  CHECK(dry_run.use().flops == 2.0 * 200 * 96 * 130);
}

}  // namespace
}  // namespace chitu::nn
