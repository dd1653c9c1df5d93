#include "chitu_core/nn/linear.h"

#include <ATen/ATen.h>

#include <string>

#include "chitu_core/memory/low_rank_names.h"
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
  return weight_.encoding || c10::isFloat8Type(bound) ? weight_.dtype : bound;
}

at::Tensor Linear::forward(const at::Tensor& x) const {
  const at::Tensor weight = weight_.for_use();
  const at::Tensor input = x.to(weight.scalar_type());
  at::Tensor y = linear_map(input, weight, bias_ ? std::optional(bias_->tensor) : std::nullopt);
  if (down_) add_low_rank_product(input, y);
  return y;
}

bool Linear::add_low_rank(std::int64_t rank) {
  if (!down_) {
    down_ =
        &add_parameter(std::string(memory::kLowRankDown), {0, weight_.shape[1]}, weight_.precision);
    up_ = &add_parameter(std::string(memory::kLowRankUp), {weight_.shape[0], 0}, weight_.precision);
    down_->added = up_->added = true;
  }
  down_->shape[0] += rank;
  up_->shape[1] += rank;
  return true;
}

void Linear::add_low_rank_product(const at::Tensor& x, at::Tensor& y) const {
  const at::Tensor narrow = linear_map(x, down_->tensor, std::nullopt);
  if (product_dtype(x) != x.scalar_type()) {
    y.add_(linear_map(narrow, up_->tensor, std::nullopt));
    return;
  }
  const std::int64_t out = y.size(-1), rank = narrow.size(-1);
  y.view({-1, out}).addmm_(narrow.view({-1, rank}), up_->tensor.t());
}

}  // namespace chitu::nn
