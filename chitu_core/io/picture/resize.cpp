#include "chitu_core/io/picture/resize.h"

#include <ATen/ATen.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <numbers>
#include <vector>

#include "chitu_core/common/error.h"
#include "chitu_core/threads/parallel_for.h"

namespace chitu::io {
namespace {

/// Fraction bits of a weight: 8 bits of pixel and 2 of overshoot fit in 32 beside them.
constexpr int kFractionBits = 32 - 8 - 2;

double sinc(double x) {
  if (x == 0) return 1;
  x *= std::numbers::pi;
  return std::sin(x) / x;
}

double lanczos(double x) { return -3 <= x && x < 3 ? sinc(x) * sinc(x / 3) : 0; }

double bilinear(double x) { return std::max(0.0, 1 - std::abs(x)); }

double bicubic(double x) {
  constexpr double a = -0.5;
  x = std::abs(x);
  if (x < 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
  if (x < 2) return (((x - 5) * x + 8) * x - 4) * a;
  return 0;
}

double box(double x) { return x > -0.5 && x <= 0.5 ? 1 : 0; }

double hamming(double x) {
  x = std::abs(x);
  if (x == 0) return 1;
  if (x >= 1) return 0;
  x *= std::numbers::pi;
  return std::sin(x) / x * (0.54 + 0.46 * std::cos(x));
}

struct Filter {
  double (*weight)(double);
  double support;
};

Filter filter_of(Resampling filter) {
  switch (filter) {
    case Resampling::lanczos:
      return {&lanczos, 3};
    case Resampling::bilinear:
      return {&bilinear, 1};
    case Resampling::bicubic:
      return {&bicubic, 2};
    case Resampling::box:
      return {&box, 0.5};
    case Resampling::hamming:
    case Resampling::nearest:
      break;
  }
  return {&hamming, 1};
}

/// The weights of the pixels that one pixel of the result is made of.
struct Taps {
  std::int64_t first = 0;
  std::vector<std::int32_t> weights;
};

std::int32_t fixed_point(double weight) {
  const double scaled = weight * (1 << kFractionBits);
  return static_cast<std::int32_t>(weight < 0 ? scaled - 0.5 : scaled + 0.5);
}

Taps taps_at(double center, double scale, std::int64_t from, const Filter& filter) {
  const double support = filter.support * scale;
  const auto first = std::max<std::int64_t>(0, static_cast<std::int64_t>(center - support + 0.5));
  const auto end = std::min(from, static_cast<std::int64_t>(center + support + 0.5));
  const double step = 1 / scale;
  std::vector<double> weights;
  double sum = 0;
  for (std::int64_t x = 0; x < end - first; ++x) {
    weights.push_back(filter.weight((static_cast<double>(x + first) - center + 0.5) * step));
    sum += weights.back();
  }
  Taps taps{first, {}};
  for (const double weight : weights)
    taps.weights.push_back(fixed_point(sum != 0 ? weight / sum : weight));
  return taps;
}

std::vector<Taps> taps_of(std::int64_t from, std::int64_t to, Resampling resampling) {
  const Filter filter = filter_of(resampling);
  const double ratio = static_cast<double>(from) / static_cast<double>(to);
  std::vector<Taps> taps;
  for (std::int64_t x = 0; x < to; ++x)
    taps.push_back(
        taps_at((static_cast<double>(x) + 0.5) * ratio, std::max(ratio, 1.0), from, filter));
  return taps;
}

std::uint8_t rounded(std::int32_t sum) {
  return static_cast<std::uint8_t>(std::clamp(sum >> kFractionBits, 0, 255));
}

/// Makes one run of `count` values from runs that lie `stride` values apart.
void weigh(const std::uint8_t* from, std::int64_t stride, const Taps& taps, std::int64_t count,
           std::uint8_t* to) {
  for (std::int64_t i = 0; i < count; ++i) {
    std::int32_t sum = 1 << (kFractionBits - 1);
    for (std::size_t tap = 0; tap < taps.weights.size(); ++tap)
      sum += taps.weights[tap] * from[(taps.first + static_cast<std::int64_t>(tap)) * stride + i];
    to[i] = rounded(sum);
  }
}

/// x [rows, from, run] to [rows, taps, run].
at::Tensor filtered(const at::Tensor& x, const std::vector<Taps>& taps) {
  const auto count = static_cast<std::int64_t>(taps.size());
  const std::int64_t run = x.size(2), from = x.size(1);
  at::Tensor out = at::empty({x.size(0), count, run}, at::kByte);
  threads::parallel_for(0, x.size(0) * count, 1 + 4096 / run,
                        [&](std::int64_t begin, std::int64_t end) {
                          for (std::int64_t i = begin; i < end; ++i)
                            weigh(x.const_data_ptr<std::uint8_t>() + i / count * from * run, run,
                                  taps[static_cast<std::size_t>(i % count)], run,
                                  out.mutable_data_ptr<std::uint8_t>() + i * run);
                        });
  return out;
}

/// Along dimension 0 or 1 of [H, W, C].
at::Tensor resized(const at::Tensor& x, std::int64_t dim, std::int64_t to, Resampling filter) {
  if (x.size(dim) == to) return x;
  std::vector<std::int64_t> shape = x.sizes().vec();
  shape[static_cast<std::size_t>(dim)] = to;
  const at::Tensor rows = dim == 0 ? x.flatten(1).unsqueeze(0) : x;
  return filtered(rows.contiguous(), taps_of(x.size(dim), to, filter)).view(shape);
}

/// Whether the columns are filtered before the rows, which decides the rounding: where that takes
/// away more than twice as many rows as the other order takes columns.
bool columns_first(const at::Tensor& x, std::int64_t height, std::int64_t width) {
  return height < x.size(0) && x.size(0) - height > 2 * (x.size(1) - width);
}

/// The pixel that lies under the centre of each pixel of the result. The centres are summed up, as
/// Pillow does, which decides where one falls between two pixels.
at::Tensor nearest(const at::Tensor& x, std::int64_t dim, std::int64_t to) {
  const double ratio = static_cast<double>(x.size(dim)) / static_cast<double>(to);
  std::vector<std::int64_t> indices;
  for (double center = ratio / 2; static_cast<std::int64_t>(indices.size()) < to; center += ratio)
    indices.push_back(std::min(x.size(dim) - 1, static_cast<std::int64_t>(center)));
  return x.index_select(dim, at::tensor(indices));
}

void check(const at::Tensor& picture, std::int64_t height, std::int64_t width) {
  if (picture.dim() == 3 && picture.scalar_type() == at::kByte && picture.numel() > 0 &&
      height > 0 && width > 0)
    return;
  throw ShapeError(fmt::format("resize: expected [H, W, C] uint8 and a size, got [{}] and {}x{}",
                               fmt::join(picture.sizes(), ", "), width, height));
}

}  // namespace

at::Tensor resize_picture(const at::Tensor& picture, std::int64_t height, std::int64_t width,
                          Resampling filter) {
  check(picture, height, width);
  if (filter == Resampling::nearest) return nearest(nearest(picture, 1, width), 0, height);
  if (columns_first(picture, height, width))
    return resized(resized(picture.contiguous(), 0, height, filter), 1, width, filter);
  return resized(resized(picture.contiguous(), 1, width, filter), 0, height, filter);
}

}  // namespace chitu::io
