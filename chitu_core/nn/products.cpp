#include "chitu_core/nn/products.h"

#include <ATen/ATen.h>

#include <algorithm>

#include "chitu_core/common/cpu_capability.h"
#include "chitu_core/device/device.h"
#include "chitu_core/device/planned_repeats.h"

namespace chitu::nn {
namespace {

/// Elements of weights and of x that are in float32 at once: 16 MiB each.
constexpr std::int64_t kWideElements = 1 << 22;

/// How many of `count` rows of `width` elements go at once: runs of nearly equal length.
std::int64_t rows_at_once(std::int64_t count, std::int64_t width) {
  const std::int64_t most =
      std::max<std::int64_t>(1, kWideElements / std::max<std::int64_t>(1, width));
  const std::int64_t runs = (count + most - 1) / most;
  return runs == 0 ? 1 : (count + runs - 1) / runs;
}

at::Tensor wide_linear(const at::Tensor& x, const at::Tensor& weight,
                       const std::optional<at::Tensor>& bias) {
  const std::int64_t in = x.size(-1), out = weight.size(0);
  const at::Tensor rows = x.reshape({-1, in});
  std::vector<std::int64_t> sizes = x.sizes().vec();
  sizes.back() = out;
  at::Tensor result = at::empty(sizes, x.options());
  const at::Tensor result_rows = result.view({-1, out});
  const auto wide_bias = bias ? std::optional(bias->to(at::kFloat)) : std::nullopt;
  device::for_runs(out, rows_at_once(out, in), [&](std::int64_t first_out, std::int64_t outs) {
    const at::Tensor wide_weight = weight.narrow(0, first_out, outs).to(at::kFloat);
    const auto part =
        wide_bias ? std::optional(wide_bias->narrow(0, first_out, outs)) : std::nullopt;
    device::for_runs(
        rows.size(0), rows_at_once(rows.size(0), in), [&](std::int64_t first, std::int64_t count) {
          const at::Tensor sums =
              at::linear(rows.narrow(0, first, count).to(at::kFloat), wide_weight, part);
          result_rows.narrow(0, first, count).narrow(1, first_out, outs).copy_(sums);
        });
  });
  return result;
}

}  // namespace

at::ScalarType product_dtype(const at::Tensor& x) {
  const at::ScalarType dtype = x.scalar_type();
  if (!device::has_host_kernels(x.device())) return dtype;
  const bool widens = (dtype == at::kBFloat16 && !has_bfloat16_instructions()) ||
                      (dtype == at::kHalf && !has_float16_instructions());
  return widens ? at::kFloat : dtype;
}

at::Tensor linear_map(const at::Tensor& x, const at::Tensor& weight,
                      const std::optional<at::Tensor>& bias) {
  return product_dtype(x) == x.scalar_type() ? at::linear(x, weight, bias)
                                             : wide_linear(x, weight, bias);
}

}  // namespace chitu::nn
