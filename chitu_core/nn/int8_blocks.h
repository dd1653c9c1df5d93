#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

namespace chitu::nn {

/// The mean of the rows of every head, summed in float64.
///
/// x        [B, heads, L, d] in host memory, float32 or bfloat16, a contiguous last dimension
/// returns  [B, heads, 1, d] float32
at::Tensor mean_rows(const at::Tensor& x);

/// What INT8 with one scale for a block of rows leaves of x - offset: round(x / scale) * scale,
/// with scale = the block's largest magnitude / 127.
///
/// x        as for mean_rows()
/// offset   [B, heads, 1, d] float32, the same for every row; undefined = 0
/// block    rows with one scale, counted from the first row of a head
/// returns  [B, heads, L, d] float32, contiguous
at::Tensor through_int8_blocks(const at::Tensor& x, const at::Tensor& offset, std::int64_t block);

}  // namespace chitu::nn
