#pragma once

#include <ATen/core/Tensor.h>

#include "chitu_core/parallel/attention_hook.h"

namespace chitu::parallel {

/// Attention to several blocks of keys, from the attention to each: what attention to all of them
/// at once gives, up to rounding. Sums are in float32. The same parts in the same order give the
/// same bits.
class MergedAttention {
 public:
  /// part  its tensors may be overwritten
  void add(AttentionPart part);
  /// [B, heads, Lq, d], dtype of the parts. Only after at least one part.
  at::Tensor result() const;

 private:
  at::Tensor out_, log_sum_exp_;
  at::ScalarType dtype_ = at::kFloat;
};

}  // namespace chitu::parallel
