#pragma once

namespace at {
class Tensor;
}

namespace chitu::cache {

/// Sums on one thread, so that a decision does not depend on their number.
///
/// returns  mean of |now - before| / mean of |before|
double relative_mean(const at::Tensor& now, const at::Tensor& before);
/// returns  norm of now - before / norm of before
double relative_norm(const at::Tensor& now, const at::Tensor& before);

}  // namespace chitu::cache
