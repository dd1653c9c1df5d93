#include "chitu_core/nn/attention_part.h"

#include <ATen/ATen.h>

#include <cmath>
#include <optional>

#include "chitu_core/device/dry_run.h"

namespace chitu::nn {
namespace {

using parallel::AttentionPart;

/// The bias as libtorch's kernels want it: added, in the dtype of q.
std::optional<at::Tensor> added_bias(const AttentionOptions& options, at::ScalarType dtype) {
  if (!options.bias.defined()) return std::nullopt;
  if (options.bias.scalar_type() != at::kBool) return options.bias.to(dtype);
  return at::zeros_like(options.bias, at::TensorOptions(dtype))
      .masked_fill_(options.bias.logical_not(), -INFINITY);
}

AttentionPart on_cpu(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                     const AttentionOptions& options) {
  const auto [out, log_sum_exp] = at::_scaled_dot_product_flash_attention_for_cpu(
      q, k, v, /*dropout_p=*/0.0, /*is_causal=*/false, added_bias(options, q.scalar_type()),
      options.scale);
  return {out, log_sum_exp.to(at::kFloat)};
}

AttentionPart on_cuda(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                      const AttentionOptions& options) {
  const auto [out, log_sum_exp, seed, offset] = at::_scaled_dot_product_efficient_attention(
      q, k, v, added_bias(options, q.scalar_type()), /*compute_log_sumexp=*/true,
      /*dropout_p=*/0.0, /*is_causal=*/false, options.scale);
  return {out, log_sum_exp.narrow(2, 0, q.size(2))};  // the kernel pads its rows
}

AttentionPart planned(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                      const AttentionOptions& options, const parallel::LocalAttention& whole) {
  const at::Tensor log_sum_exp =
      at::empty({q.size(0), q.size(1), q.size(2)}, q.options().dtype(at::kFloat));
  return {whole.run(q, k, v, options), log_sum_exp};
}

}  // namespace

AttentionPart plain_attention_part(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                                   const AttentionOptions& options) {
  const double usual = 1.0 / std::sqrt(static_cast<double>(q.size(3)));
  at::Tensor scores = at::matmul(q.to(at::kFloat), k.to(at::kFloat).transpose(-1, -2))
                          .mul_(options.scale.value_or(usual));
  if (const auto bias = added_bias(options, at::kFloat)) scores.add_(*bias);
  const at::Tensor log_sum_exp = at::logsumexp(scores, -1);
  const at::Tensor weights = scores.sub_(log_sum_exp.unsqueeze(-1)).exp_();
  return {at::matmul(weights, v.to(at::kFloat)).to(q.scalar_type()), log_sum_exp};
}

AttentionPart torch_attention_part(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                                   const AttentionOptions& options,
                                   const parallel::LocalAttention& whole) {
  if (device::in_dry_run()) return planned(q, k, v, options, whole);
  if (device::has_host_kernels(q.device())) return on_cpu(q, k, v, options);
  if (q.is_cuda()) return on_cuda(q, k, v, options);
  return plain_attention_part(q, k, v, options);
}

}  // namespace chitu::nn
