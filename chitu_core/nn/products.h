#pragma once

#include <ATen/core/Tensor.h>

#include <optional>

namespace chitu::nn {

/// What products of a dtype are computed in on the device of `x`: itself, or float32 on a CPU that
/// has no instructions for a half-precision dtype. There, products of half precision would take two
/// to seven times as long as those of float32.
at::ScalarType product_dtype(const at::Tensor& x);

/// x weight^T + bias, in float32 through oneDNN where that pays. Where product_dtype() is wider
/// than the dtype of x, weights and rows of x are widened in runs of at most 16 MiB, sums and bias
/// are those of float32, and the result is rounded once. What runs there are follows from the
/// shapes alone.
///
/// x        [..., in]
/// weight   [out, in], dtype of x
/// bias     [out], dtype of x; optional
/// returns  [..., out], dtype of x
at::Tensor linear_map(const at::Tensor& x, const at::Tensor& weight,
                      const std::optional<at::Tensor>& bias);

}  // namespace chitu::nn
