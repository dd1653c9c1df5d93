#pragma once

#include <ATen/core/Tensor.h>

#include "chitu_core/parallel/attention_hook.h"

namespace chitu::nn {

/// CPU attention without a matrix of scores: keys are processed in blocks, and earlier sums are
/// rescaled if a block has a larger score.
///
/// source  Dao et al. 2022 (FlashAttention), arXiv:2205.14135; Milakov, Gimelshein 2018,
///         arXiv:1805.02867

/// Whether flash_attention() supports this: 4 dimensions, one dtype, float32 or bfloat16, a
/// contiguous last dimension, at least one key, no bias.
bool flash_attention_fits(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v);

/// softmax(q k^T * scale) v, computed in float32 and rounded once. A row of the result depends only
/// on its query, the keys and the values: not on threads or on the other queries of the call.
///
/// q        [B, heads, Lq, d], k [B, heads, Lk, d], v [B, heads, Lk, dv] in host memory
/// returns  [B, heads, Lq, dv] with the memory layout [B, Lq, heads, dv], dtype of q
at::Tensor flash_attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                           double scale);

/// The same, and ln(sum over the keys of exp(score)) of every query.
parallel::AttentionPart flash_attention_part(const at::Tensor& q, const at::Tensor& k,
                                             const at::Tensor& v, double scale);

}  // namespace chitu::nn
