#include "tests/models/reference.h"

#include <ATen/ATen.h>

#include <limits>

namespace chitu::models {

double relative_error(const at::Tensor& got, const at::Tensor& wanted) {
  if (got.sizes() != wanted.sizes()) return std::numeric_limits<double>::infinity();
  const at::Tensor exact = wanted.to(at::kDouble);
  return ((got.to(at::kDouble) - exact).norm() / exact.norm()).item<double>();
}

}  // namespace chitu::models
