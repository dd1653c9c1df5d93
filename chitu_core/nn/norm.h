#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

#include "chitu_core/memory/module.h"

namespace chitu::nn {

/// Layer normalisation over the last dimension, computed in float32 whatever the dtype, with an
/// affine map whose weights stay float32. Keys: weight [width], bias [width].
class LayerNorm : public memory::Module {
 public:
  LayerNorm(std::int64_t width, double eps);

  /// x [..., width]; returns the same shape and dtype.
  at::Tensor forward(const at::Tensor& x) const;

 private:
  memory::Parameter& weight_;
  memory::Parameter& bias_;
  std::int64_t width_;
  double eps_;
};

/// x / sqrt(mean(x^2) + eps) * weight over the last dimension. Key: weight [width].
///
/// The whole product is computed in float32 and rounded to x's dtype once, as torch.nn.RMSNorm
/// does.
class RmsNorm : public memory::Module {
 public:
  RmsNorm(std::int64_t width, double eps);

  /// x [..., width]; written over and returned.
  at::Tensor forward_(at::Tensor x) const;

 private:
  at::Tensor normalize_(at::Tensor x) const;

  memory::Parameter& weight_;
  double eps_;
};

/// RmsNorm of the T5 family, which rounds twice: the normalised x to the weight's dtype, and the
/// product with the weight. Key: weight [width].
class T5RmsNorm : public memory::Module {
 public:
  T5RmsNorm(std::int64_t width, double eps);

  /// x [..., width]; returns the same shape in the weight's dtype.
  at::Tensor forward(const at::Tensor& x) const;

 private:
  memory::Parameter& weight_;
  double eps_;
};

/// layer_norm(x) * scale + shift without weights of its own, in float32, rounded to x's dtype once:
/// the adaptive norm of diffusion transformers.
///
/// x             [B, L, D]
/// scale, shift  [B, 1, D] float32; `scale` is the whole factor, the usual 1 + scale included
/// returns       [B, L, D], dtype of x
at::Tensor modulated_layer_norm(const at::Tensor& x, const at::Tensor& scale,
                                const at::Tensor& shift, double eps);

/// hidden += x * gate, in float32, rounded to hidden's dtype once.
///
/// hidden, x  [B, L, D], one dtype; hidden is written
/// gate       [B, 1, D] float32
void add_gated_(at::Tensor& hidden, const at::Tensor& x, const at::Tensor& gate);

}  // namespace chitu::nn
