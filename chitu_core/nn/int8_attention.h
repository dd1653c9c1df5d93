#pragma once

#include <ATen/core/Tensor.h>

#include "chitu_core/nn/int8_blocks.h"
#include "chitu_core/nn/int8_scores.h"

namespace chitu::nn {

/// softmax(q k^T * scale) v of INT8 queries and keys: sums of integers, scales and softmax in
/// float32, weights and values in float32. Keys are processed in blocks, and earlier sums are
/// rescaled if a block has a larger score. The result does not depend on threads.
///
/// keys         in blocks of Int8Scores::kKeys rows, at most Int8Scores::kMostWidth wide
/// values       [B, heads, Lk, dv] in host memory, float32 or bfloat16, a contiguous last dimension
/// out          [B, heads, Lq, dv], dtype of the values, a contiguous last dimension
/// log_sum_exp  [B, heads, Lq] float32, contiguous: ln(sum over the keys of exp(score)); undefined
/// =
///              not wanted
void int8_attention(const Int8Blocks& queries, const Int8Blocks& keys, const at::Tensor& values,
                    double scale, const Int8Scores& scores, const at::Tensor& out,
                    const at::Tensor& log_sum_exp);

}  // namespace chitu::nn
