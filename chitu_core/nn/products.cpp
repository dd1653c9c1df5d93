#include "chitu_core/nn/products.h"

#include <ATen/ATen.h>
#include <ATen/core/dispatch/Dispatcher.h>

#include <algorithm>

#include "chitu_core/common/cpu_capability.h"
#include "chitu_core/device/device.h"
#include "chitu_core/device/dry_run_repeats.h"

namespace chitu::nn {
namespace {

/// Most elements of weights and of x that are widened at once: 16 MiB each.
constexpr std::int64_t kWideElements = 1 << 22;

/// Length of a run of `count` rows of `width` elements; runs are of nearly equal length.
std::int64_t rows_at_once(std::int64_t count, std::int64_t width) {
  const std::int64_t most =
      std::max<std::int64_t>(1, kWideElements / std::max<std::int64_t>(1, width));
  const std::int64_t runs = (count + most - 1) / most;
  return runs == 0 ? 1 : (count + runs - 1) / runs;
}

/// With fewer rows the call of oneDNN costs more than it saves.
constexpr std::int64_t kOneDnnPaysFrom = 32;

using OneDnnLinear = at::Tensor(const at::Tensor& x, const at::Tensor& weight,
                                const std::optional<at::Tensor>& bias, c10::string_view after,
                                c10::List<std::optional<at::Scalar>> scalars,
                                std::optional<c10::string_view> algorithm);

/// The operator through which libtorch's own compiler reaches oneDNN's matrix product.
std::optional<c10::TypedOperatorHandle<OneDnnLinear>> find_onednn_linear() {
  if (!at::hasMKLDNN()) return std::nullopt;
  const auto found = c10::Dispatcher::singleton().findSchema({"mkldnn::_linear_pointwise", ""});
  if (!found) return std::nullopt;
  return found->typed<OneDnnLinear>();
}

/// In float32 libtorch calls its BLAS, which on some processors leaves half of the vector units
/// idle. oneDNN uses all of them, and is as fast on other processors.
bool onednn_pays(const at::Tensor& x) {
  return x.scalar_type() == at::kFloat && device::has_host_kernels(x.device()) &&
         cpu_capability() != CpuCapability::baseline && x.numel() >= kOneDnnPaysFrom * x.size(-1) &&
         x.size(-1) > 0 && at::globalContext().userEnabledMkldnn();
}

at::Tensor product(const at::Tensor& x, const at::Tensor& weight,
                   const std::optional<at::Tensor>& bias) {
  static const auto onednn = find_onednn_linear();
  if (!onednn || !onednn_pays(x)) return at::linear(x, weight, bias);
  return onednn->call(x, weight, bias, "none", c10::List<std::optional<at::Scalar>>(), "");
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
    device::for_runs(rows.size(0), rows_at_once(rows.size(0), in),
                     [&](std::int64_t first, std::int64_t count) {
                       const at::Tensor sums =
                           product(rows.narrow(0, first, count).to(at::kFloat), wide_weight, part);
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
  return product_dtype(x) == x.scalar_type() ? product(x, weight, bias)
                                             : wide_linear(x, weight, bias);
}

}  // namespace chitu::nn
