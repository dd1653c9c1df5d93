#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

namespace chitu::nn {

/// Rows in INT8, with one scale for a block of rows: x - offset = values * scale, to rounding.
struct Int8Blocks {
  at::Tensor values;  ///< [B, heads, L, d] int8, contiguous, -127 to 127
  at::Tensor scales;  ///< [B, heads, blocks] float32, contiguous; 0 for a block of zeros
  std::int64_t rows;  ///< of a block, counted from the first row of a head; the last may have fewer
};

/// The mean of the rows of every head, summed in float64.
///
/// x        [B, heads, L, d] in host memory, float32 or bfloat16, a contiguous last dimension
/// returns  [B, heads, 1, d] float32
at::Tensor mean_rows(const at::Tensor& x);

/// Rounds x - offset to INT8, to the nearest, with the largest magnitude of a block as 127.
///
/// x        as for mean_rows()
/// offset   [B, heads, 1, d] float32, the same for every row; undefined = 0
Int8Blocks to_int8_blocks(const at::Tensor& x, const at::Tensor& offset, std::int64_t rows);

/// values * scales: what the rounding leaves of x - offset, [B, heads, L, d] float32.
at::Tensor widened(const Int8Blocks& blocks);

}  // namespace chitu::nn
