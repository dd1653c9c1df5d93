#include "pipelines/compare/picture_quality.h"

#include <ATen/ATen.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <array>
#include <cmath>
#include <limits>

#include "chitu_core/common/error.h"

namespace chitu::pipelines {
namespace {

constexpr double kRange = 255, kSigma = 1.5;

void check_shapes(const at::Tensor& a, const at::Tensor& b) {
  if (a.sizes() != b.sizes())
    throw ShapeError(fmt::format("pictures to compare: expected one shape, got {} and {}",
                                 a.sizes().vec(), b.sizes().vec()));
}

/// Weights of the window along one side; their sum is 1.
std::array<double, kSsimWindow> gaussian() {
  std::array<double, kSsimWindow> weights{};
  double sum = 0;
  for (int i = 0; i < kSsimWindow; ++i) {
    const double x = i - kSsimWindow / 2;
    weights[static_cast<std::size_t>(i)] = std::exp(-x * x / (2 * kSigma * kSigma));
    sum += weights[static_cast<std::size_t>(i)];
  }
  for (double& weight : weights) weight /= sum;
  return weights;
}

/// Weighted means along one dimension, which gets shorter by the window less 1.
at::Tensor means_along(const at::Tensor& values, std::int64_t dimension) {
  static const auto weights = gaussian();
  const std::int64_t places = values.size(dimension) - kSsimWindow + 1;
  at::Tensor means = values.narrow(dimension, 0, places).mul(weights[0]);
  for (std::int64_t i = 1; i < kSsimWindow; ++i)
    means.add_(values.narrow(dimension, i, places), weights[static_cast<std::size_t>(i)]);
  return means;
}

at::Tensor window_means(const at::Tensor& values) { return means_along(means_along(values, 0), 1); }

}  // namespace

double psnr_db(const at::Tensor& a, const at::Tensor& b) {
  check_shapes(a, b);
  // Integers: exact, and the same on every machine.
  const at::Tensor difference = a.to(at::kInt) - b.to(at::kInt);
  const auto sum = static_cast<double>((difference * difference).sum().item<std::int64_t>());
  if (sum == 0) return std::numeric_limits<double>::infinity();
  return 10 * std::log10(kRange * kRange * static_cast<double>(a.numel()) / sum);
}

double ssim(const at::Tensor& a, const at::Tensor& b) {
  check_shapes(a, b);
  if (a.dim() != 3 || a.size(0) < kSsimWindow || a.size(1) < kSsimWindow)
    throw ShapeError(fmt::format("SSIM: expected [H, W, 3] of at least {0}x{0} pixels, got {1}",
                                 kSsimWindow, a.sizes().vec()));
  const at::Tensor x = a.to(at::kDouble), y = b.to(at::kDouble);
  const at::Tensor mean_x = window_means(x), mean_y = window_means(y);
  const at::Tensor mean_xy = mean_x * mean_y;
  const at::Tensor mean_squares = mean_x * mean_x + mean_y * mean_y;
  const at::Tensor variances = window_means(x * x + y * y) - mean_squares;
  const at::Tensor covariance = window_means(x * y) - mean_xy;
  const double c1 = std::pow(0.01 * kRange, 2), c2 = std::pow(0.03 * kRange, 2);
  const at::Tensor similarity =
      (2 * mean_xy + c1) * (2 * covariance + c2) / ((mean_squares + c1) * (variances + c2));
  return similarity.mean().item<double>();
}

}  // namespace chitu::pipelines
