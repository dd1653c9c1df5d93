#include "chitu_core/cache/relative_change.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <limits>

#include "chitu_core/threads/side_by_side.h"

namespace chitu::cache {
namespace {

double ratio(const at::Tensor& change, const at::Tensor& before) {
  const double base = before.item<double>();
  return change.item<double>() / std::max(base, std::numeric_limits<double>::min());
}

}  // namespace

double relative_mean(const at::Tensor& now, const at::Tensor& before) {
  const threads::OnOneThread alone;
  const at::Tensor from = before.to(at::kFloat);
  return ratio(now.to(at::kFloat).sub(from).abs_().mean(), from.abs().mean());
}

double relative_norm(const at::Tensor& now, const at::Tensor& before) {
  const threads::OnOneThread alone;
  const at::Tensor from = before.to(at::kFloat);
  return ratio(now.to(at::kFloat).sub(from).norm(), from.norm());
}

}  // namespace chitu::cache
