#include "chitu_core/nn/norm.h"

#include <ATen/ATen.h>

#include "chitu_core/nn/row_chunks.h"

namespace chitu::nn {
namespace {

/// 1 / sqrt(mean(x^2) + eps) over the last dimension, in float32: [..., 1].
at::Tensor inverse_rms(const at::Tensor& x, double eps) {
  at::Tensor squares = x.to(at::kFloat);
  squares = squares.is_same(x) ? squares.pow(2) : squares.pow_(2);
  return squares.mean(-1, /*keepdim=*/true).add_(eps).rsqrt_();
}

/// norm(x) rounded to x's dtype, in runs of rows if x is large.
template <class Norm>
at::Tensor in_row_chunks(const at::Tensor& x, const Norm& norm) {
  if (x.dim() < 3 || is_one_row_chunk(x)) return norm(x).to(x.scalar_type());
  at::Tensor out = at::empty_like(x);
  for_row_chunks(x, [&](std::int64_t start, std::int64_t count) {
    out.narrow(1, start, count).copy_(norm(x.narrow(1, start, count)));
  });
  return out;
}

}  // namespace

LayerNorm::LayerNorm(std::int64_t width, double eps)
    : weight_(add_parameter("weight", {width}, memory::Precision::float32)),
      bias_(add_parameter("bias", {width}, memory::Precision::float32)),
      width_(width),
      eps_(eps) {}

at::Tensor LayerNorm::forward(const at::Tensor& x) const {
  return in_row_chunks(x, [&](const at::Tensor& rows) {
    return at::layer_norm(rows.to(at::kFloat), {width_}, weight_.tensor, bias_.tensor, eps_);
  });
}

RmsNorm::RmsNorm(std::int64_t width, double eps)
    : weight_(add_parameter("weight", {width})), eps_(eps) {}

at::Tensor RmsNorm::forward_(at::Tensor x) const {
  if (x.dim() < 3 || is_one_row_chunk(x)) return normalize_(x);
  for_row_chunks(
      x, [&](std::int64_t start, std::int64_t count) { normalize_(x.narrow(1, start, count)); });
  return x;
}

at::Tensor RmsNorm::normalize_(at::Tensor x) const {
  const at::Tensor scale = inverse_rms(x, eps_);
  // A product of mixed dtypes is computed and returned in the wider one, float32.
  if (x.scalar_type() == at::kFloat && weight_.tensor.scalar_type() == at::kFloat)
    return x.mul_(scale).mul_(weight_.tensor);
  return x.copy_(x.mul(scale).mul_(weight_.tensor));
}

T5RmsNorm::T5RmsNorm(std::int64_t width, double eps)
    : weight_(add_parameter("weight", {width})), eps_(eps) {}

at::Tensor T5RmsNorm::forward(const at::Tensor& x) const {
  return x.mul(inverse_rms(x, eps_)).to(weight_.tensor.scalar_type()).mul_(weight_.tensor);
}

at::Tensor modulated_layer_norm(const at::Tensor& x, const at::Tensor& scale,
                                const at::Tensor& shift, double eps) {
  return in_row_chunks(x, [&](const at::Tensor& rows) {
    // Two statements, because one expression would keep the float32 copy of the rows until its end.
    at::Tensor normed = at::layer_norm(rows.to(at::kFloat), {rows.size(-1)}, {}, {}, eps);
    return normed.mul_(scale).add_(shift);
  });
}

at::Tensor modulated_layer_norm(const at::Tensor& x, const std::vector<ModulatedRows>& runs,
                                double eps) {
  if (runs.size() == 1) return modulated_layer_norm(x, runs[0].scale, runs[0].shift, eps);
  at::Tensor out = at::empty_like(x);
  for (const ModulatedRows& run : runs) {
    const at::Tensor from = x.narrow(1, run.start, run.count);
    const at::Tensor to = out.narrow(1, run.start, run.count);
    for_row_chunks(from, [&](std::int64_t start, std::int64_t count) {
      to.narrow(1, start, count)
          .copy_(modulated_layer_norm(from.narrow(1, start, count), run.scale, run.shift, eps));
    });
  }
  return out;
}

void add_gated_(at::Tensor& hidden, const at::Tensor& x, const at::Tensor& gate) {
  if (hidden.scalar_type() == at::kFloat) {
    hidden.addcmul_(x, gate);
    return;
  }
  for_row_chunks(hidden, [&](std::int64_t start, std::int64_t count) {
    at::Tensor rows = hidden.narrow(1, start, count);
    rows.copy_(x.narrow(1, start, count).mul(gate).add_(rows));
  });
}

}  // namespace chitu::nn
