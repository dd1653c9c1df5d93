#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

#include "chitu_core/memory/module.h"

namespace chitu::nn {

/// Rows of a table by number. Key: weight [count, width].
class Embedding : public memory::Module {
 public:
  Embedding(std::int64_t count, std::int64_t width)
      : weight_(add_parameter("weight", {count, width})) {}

  /// ids [...] int64, 0 to count - 1; returns [..., width].
  at::Tensor forward(const at::Tensor& ids) const;

 private:
  memory::Parameter& weight_;
};

/// [cos(t f_i), sin(t f_i)] with f_i = 10000^(-i / (width / 2)): cosines first.
///
/// timestep  no unit, may be fractional
/// width     even
/// returns   [1, width] float32 on the device
at::Tensor timestep_embedding(double timestep, std::int64_t width, c10::Device device);

}  // namespace chitu::nn
