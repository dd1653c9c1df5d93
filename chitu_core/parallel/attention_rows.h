#pragma once

#include <ATen/core/Tensor.h>

namespace chitu::parallel {

/// [B, heads, L, d] as rows, in which a run of rows is contiguous: [L, B, heads, d]; a view.
inline at::Tensor as_rows(const at::Tensor& x) { return x.permute({2, 0, 1, 3}); }
/// The way back.
inline at::Tensor from_rows(const at::Tensor& rows) { return rows.permute({1, 2, 0, 3}); }

}  // namespace chitu::parallel
