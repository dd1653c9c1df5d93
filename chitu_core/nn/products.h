#pragma once

#include <ATen/core/Tensor.h>

#include <optional>

namespace chitu::nn {

/// The dtype in which products of x's dtype are computed on its device: the same, or float32 on a
/// CPU without instructions for that half-precision dtype, where half-precision products take two
/// to seven times as long as float32.
at::ScalarType product_dtype(const at::Tensor& x);

/// x weight^T + bias; float32 products use oneDNN if that is faster. If product_dtype() is wider
/// than the dtype of x, weights and rows of x are widened in runs of at most 16 MiB, sums and bias
/// are float32, and the result is rounded once. The runs depend only on the shapes.
///
/// x        [..., in]
/// weight   [out, in], dtype of x
/// bias     [out], dtype of x; optional
/// returns  [..., out], dtype of x
at::Tensor linear_map(const at::Tensor& x, const at::Tensor& weight,
                      const std::optional<at::Tensor>& bias);

}  // namespace chitu::nn
