#include "chitu_core/nn/linear.h"

#include <ATen/ATen.h>

#include "chitu_core/nn/products.h"

namespace chitu::nn {

Linear::Linear(std::int64_t in_features, std::int64_t out_features, bool bias,
               memory::Precision precision)
    : weight_(add_parameter("weight", {out_features, in_features}, precision)) {
  weight_.cast_for_use = true;
  if (bias) bias_ = &add_parameter("bias", {out_features}, precision);
}

at::ScalarType Linear::dtype() const {
  const at::ScalarType bound = weight_.tensor.scalar_type();
  return c10::isFloat8Type(bound) ? weight_.dtype : bound;
}

at::Tensor Linear::forward(const at::Tensor& x) const {
  const at::Tensor weight = weight_.for_use();
  return linear_map(x.to(weight.scalar_type()), weight,
                    bias_ ? std::optional(bias_->tensor) : std::nullopt);
}

}  // namespace chitu::nn
