#include "chitu_core/nn/linear.h"

#include <ATen/ATen.h>

namespace chitu::nn {

Linear::Linear(std::int64_t in_features, std::int64_t out_features, bool bias,
               memory::Precision precision)
    : weight_(add_parameter("weight", {out_features, in_features}, precision)) {
  if (bias) bias_ = &add_parameter("bias", {out_features}, precision);
}

at::Tensor Linear::forward(const at::Tensor& x) const {
  return at::linear(x.to(weight_.tensor.scalar_type()), weight_.tensor,
                    bias_ ? std::optional(bias_->tensor) : std::nullopt);
}

}  // namespace chitu::nn
