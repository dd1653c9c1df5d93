#pragma once

#include <ATen/core/Tensor.h>

#include "chitu_core/nn/attention.h"

namespace chitu::nn {

/// Attention with the log-sum-exp by libtorch: its fused kernels on the CPU, sim and CUDA,
/// otherwise a product, a softmax and a product in float32. A dry run counts what `whole` counts,
/// and the log-sum-exp.
///
/// whole  the same attention without the log-sum-exp
parallel::AttentionPart torch_attention_part(const at::Tensor& q, const at::Tensor& k,
                                             const at::Tensor& v, const AttentionOptions& options,
                                             const parallel::LocalAttention& whole);

/// Product, softmax, product, in float32.
parallel::AttentionPart plain_attention_part(const at::Tensor& q, const at::Tensor& k,
                                             const at::Tensor& v, const AttentionOptions& options);

}  // namespace chitu::nn
