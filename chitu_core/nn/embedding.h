#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <string>
#include <utility>

#include "chitu_core/memory/module.h"

namespace chitu::nn {

/// Looks up rows of a table. Key: weight [count, width].
class Embedding : public memory::Module {
 public:
  /// Whether a pass reads most rows of the table or only few, which may be gathered on the host.
  enum class Rows { most, few };
  Embedding(std::int64_t count, std::int64_t width, Rows rows = Rows::most)
      : weight_(add_parameter("weight", {count, width})) {
    weight_.gathered = rows == Rows::few;
    weight_.is_table = true;
  }

  /// Full name of another tensor that a checkpoint may have for the table
  /// (Parameter::overriding_name).
  void set_overriding_name(std::string name) { weight_.overriding_name = std::move(name); }

  /// ids [...] int64, 0 to count - 1; returns [..., width] on the device of the ids.
  at::Tensor forward(const at::Tensor& ids) const;

 private:
  at::Tensor values_of(const at::Tensor& rows, c10::Device device) const;

  memory::Parameter& weight_;
};

/// [cos(t f_i), sin(t f_i)] with f_i = 10000^(-i / (width / 2)): cosines first.
///
/// timestep  no unit, may be fractional
/// width     even
/// returns   [1, width] float32 on the device
at::Tensor timestep_embedding(double timestep, std::int64_t width, c10::Device device);

}  // namespace chitu::nn
