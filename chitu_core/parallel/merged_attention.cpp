#include "chitu_core/parallel/merged_attention.h"

#include <ATen/ATen.h>

namespace chitu::parallel {
namespace {

/// out * exp(from - to) for each row, in place.
at::Tensor rescaled(const at::Tensor& out, const at::Tensor& from, const at::Tensor& to) {
  return out.mul_(at::sub(from, to).exp_().unsqueeze(-1));
}

}  // namespace

void MergedAttention::add(AttentionPart part) {
  if (!out_.defined()) {
    dtype_ = part.out.scalar_type();
    out_ = std::move(part.out);
    log_sum_exp_ = std::move(part.log_sum_exp);
    return;
  }
  out_ = out_.to(at::kFloat);
  const at::Tensor both = at::logaddexp(log_sum_exp_, part.log_sum_exp);
  rescaled(out_, log_sum_exp_, both);
  out_.add_(rescaled(part.out.to(at::kFloat), part.log_sum_exp, both));
  log_sum_exp_ = both;
}

at::Tensor MergedAttention::result() const { return out_.to(dtype_); }

}  // namespace chitu::parallel
