#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

#include "chitu_core/memory/module.h"

namespace chitu::models {

/// Scales the channels of each position to length sqrt(C), times gamma. Key: gamma [C, 1, 1, 1]
/// (`trailing_dims` 3) or [C, 1, 1] (`trailing_dims` 2).
///
/// Computed in float32 for any dtype, and rounded once.
class WanRmsNorm : public memory::Module {
 public:
  WanRmsNorm(std::int64_t channels, int trailing_dims);

  /// x [..., C] contiguous; returns the same shape and dtype.
  at::Tensor forward(const at::Tensor& x) const;

  /// out = silu(norm(x)) in one pass over memory.
  ///
  /// x    [B, F, H, W, C] contiguous
  /// out  the same shape and dtype; contiguous from dimension 1 on; does not alias x
  void silu_into(const at::Tensor& x, at::Tensor& out) const;

 private:
  memory::Parameter& gamma_;
};

}  // namespace chitu::models
