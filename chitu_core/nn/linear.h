#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

#include "chitu_core/memory/module.h"

namespace chitu::nn {

/// y = x W^T + b. Keys: weight [out, in], bias [out] where there is one.
class Linear : public memory::Module {
 public:
  Linear(std::int64_t in_features, std::int64_t out_features, bool bias = true,
         memory::Precision precision = memory::Precision::follow);

  /// x [..., in], any dtype: it is cast to the weight's. Returns [..., out] in the weight's dtype.
  at::Tensor forward(const at::Tensor& x) const;

  at::ScalarType dtype() const;

 private:
  memory::Parameter& weight_;
  memory::Parameter* bias_ = nullptr;
};

}  // namespace chitu::nn
