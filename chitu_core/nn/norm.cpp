#include "chitu_core/nn/norm.h"

#include <ATen/ATen.h>

namespace chitu::nn {
namespace {

/// 1 / sqrt(mean(x^2) + eps) over the last dimension, in float32: [..., 1].
at::Tensor inverse_rms(const at::Tensor& x, double eps) {
  at::Tensor squares = x.to(at::kFloat);
  squares = squares.is_same(x) ? squares.pow(2) : squares.pow_(2);
  return squares.mean(-1, /*keepdim=*/true).add_(eps).rsqrt_();
}

}  // namespace

LayerNorm::LayerNorm(std::int64_t width, double eps)
    : weight_(add_parameter("weight", {width}, memory::Precision::float32)),
      bias_(add_parameter("bias", {width}, memory::Precision::float32)),
      width_(width),
      eps_(eps) {}

at::Tensor LayerNorm::forward(const at::Tensor& x) const {
  return at::layer_norm(x.to(at::kFloat), {width_}, weight_.tensor, bias_.tensor, eps_)
      .to(x.scalar_type());
}

RmsNorm::RmsNorm(std::int64_t width, double eps)
    : weight_(add_parameter("weight", {width})), eps_(eps) {}

at::Tensor RmsNorm::forward_(at::Tensor x) const {
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
  // Not one expression: that would hold the float32 copy of x to its end.
  at::Tensor normed = at::layer_norm(x.to(at::kFloat), {x.size(-1)}, {}, {}, eps);
  return normed.mul_(scale).add_(shift).to(x.scalar_type());
}

void add_gated_(at::Tensor& hidden, const at::Tensor& x, const at::Tensor& gate) {
  if (hidden.scalar_type() == at::kFloat) {
    hidden.addcmul_(x, gate);
    return;
  }
  hidden.copy_(x.mul(gate).add_(hidden));
}

}  // namespace chitu::nn
