#pragma once

#include <ATen/ATen.h>

#include <atomic>
#include <cmath>

#include "chitu_core/parallel/attention_hook.h"

namespace chitu::parallel {

/// Product, softmax, product, in the dtype of q; counts the products of a query and a key.
struct PlainAttention final : LocalAttention {
  mutable std::atomic<std::int64_t> scores{0};

  at::Tensor run(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                 const AttentionOptions& options) const override {
    return run_part(q, k, v, options).out;
  }
  bool gives_log_sum_exp() const override { return true; }
  AttentionPart run_part(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                         const AttentionOptions& options) const override {
    scores += q.size(1) * q.size(2) * k.size(2);
    const double scale = options.scale.value_or(1 / std::sqrt(static_cast<double>(q.size(3))));
    const at::Tensor products = at::matmul(q, k.transpose(-1, -2)) * scale;
    return {at::matmul(at::softmax(products, -1), v), at::logsumexp(products, -1).to(at::kFloat)};
  }
};

}  // namespace chitu::parallel
