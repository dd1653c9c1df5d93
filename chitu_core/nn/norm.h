#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

#include "chitu_core/memory/module.h"

namespace chitu::nn {

/// Layer normalisation over the last dimension, computed in float32 for any dtype, with float32
/// weights. Keys: weight [width], bias [width].
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

  /// x [..., width] is overwritten and returned.
  at::Tensor forward_(at::Tensor x) const;

 private:
  at::Tensor normalize_(at::Tensor x) const;

  memory::Parameter& weight_;
  double eps_;
};

/// RmsNorm of the T5 family. Rounds twice: the normalised x to the weight's dtype, then the product
/// with the weight. Key: weight [width].
class T5RmsNorm : public memory::Module {
 public:
  T5RmsNorm(std::int64_t width, double eps);

  /// x [..., width]; returns the same shape in the weight's dtype.
  at::Tensor forward(const at::Tensor& x) const;

 private:
  memory::Parameter& weight_;
  double eps_;
};

/// The adaptive norm of diffusion transformers: layer_norm(x) * scale + shift, in float32, rounded
/// to x's dtype once.
///
/// x             [B, L, D]
/// scale, shift  [B, 1, D] float32; `scale` is the whole factor, so 1 + scale of the papers
/// returns       [B, L, D], dtype of x
at::Tensor modulated_layer_norm(const at::Tensor& x, const at::Tensor& scale,
                                const at::Tensor& shift, double eps);

/// A run of rows and its modulation, as above.
struct ModulatedRows {
  std::int64_t start, count;
  at::Tensor scale, shift;
};

/// The same where runs of rows differ in their modulation. The runs cover every row once.
at::Tensor modulated_layer_norm(const at::Tensor& x, const std::vector<ModulatedRows>& runs,
                                double eps);

/// hidden += x * gate, in float32, rounded to hidden's dtype once.
///
/// hidden, x  [B, L, D], one dtype; hidden is written
/// gate       [B, 1, D] float32
void add_gated_(at::Tensor& hidden, const at::Tensor& x, const at::Tensor& gate);

}  // namespace chitu::nn
