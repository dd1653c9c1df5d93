#pragma once

#include <ATen/core/Tensor.h>

namespace chitu::nn {

/// Attention in host memory without a matrix of scores: keys come in blocks, and sums already made
/// are rescaled where a block has a larger score.
///
/// source  Dao et al. 2022 (FlashAttention), arXiv:2205.14135; Milakov, Gimelshein 2018,
///         arXiv:1805.02867

/// Whether flash_attention() computes this: 4 dimensions, one dtype, float32 or bfloat16, rows of
/// adjacent numbers, at least one key, no bias.
bool flash_attention_fits(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v);

/// softmax(q k^T * scale) v, computed in float32 and rounded once. A row of the result depends on
/// its query, the keys and the values alone: not on threads, nor on which queries come with it.
///
/// q        [B, heads, Lq, d], k [B, heads, Lk, d], v [B, heads, Lk, dv] in host memory
/// returns  [B, heads, Lq, dv] that lies in memory as [B, Lq, heads, dv], dtype of q
at::Tensor flash_attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                           double scale);

}  // namespace chitu::nn
