#include "chitu_core/io/video/palette.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <utility>

namespace chitu::io {
namespace {

constexpr std::size_t kMostColours = 256;
constexpr std::size_t kBins = 1 << 18;
constexpr int kRefinements = 4;

std::size_t bin_of(int red, int green, int blue) {
  return static_cast<std::size_t>((red >> 2) << 12 | (green >> 2) << 6 | blue >> 2);
}

using Colour = std::array<double, 3>;

/// A weighted colour: the mean of a bin and its number of pixels.
struct Point {
  Colour colour{};
  double weight = 0;
};

double squared_distance(const Colour& a, const Colour& b) {
  double sum = 0;
  for (std::size_t i = 0; i < 3; ++i) sum += (a[i] - b[i]) * (a[i] - b[i]);
  return sum;
}

Colour mean_of(std::span<const Point> points) {
  Colour sum{};
  double weight = 0;
  for (const Point& point : points) {
    for (std::size_t i = 0; i < 3; ++i) sum[i] += point.colour[i] * point.weight;
    weight += point.weight;
  }
  for (double& channel : sum) channel /= weight;
  return sum;
}

/// A range of points that becomes one colour or is split in two.
struct Box {
  std::span<Point> points;
  Colour mean{};
  std::size_t widest = 0;  ///< the channel of the largest squared error
  double error = 0;        ///< squared, over all channels

  explicit Box(std::span<Point> all) : points(all), mean(mean_of(all)) {
    Colour spread{};
    for (const Point& point : points)
      for (std::size_t i = 0; i < 3; ++i)
        spread[i] += point.weight * (point.colour[i] - mean[i]) * (point.colour[i] - mean[i]);
    widest =
        static_cast<std::size_t>(std::max_element(spread.begin(), spread.end()) - spread.begin());
    error = spread[0] + spread[1] + spread[2];
  }

  std::pair<Box, Box> split() const {
    const auto middle = std::partition(points.begin(), points.end(), [&](const Point& point) {
      return point.colour[widest] <= mean[widest];
    });
    const auto left = static_cast<std::size_t>(middle - points.begin());
    return {Box(points.first(left)), Box(points.subspan(left))};
  }
};

std::vector<Colour> median_cut(std::vector<Point>& points) {
  std::vector<Box> boxes{Box(points)};
  while (boxes.size() < kMostColours) {
    const auto worst = std::max_element(
        boxes.begin(), boxes.end(), [](const Box& a, const Box& b) { return a.error < b.error; });
    // A box whose points are equal up to rounding cannot be split at its mean.
    if (worst->error < 1e-6 * static_cast<double>(worst->points.size())) break;
    auto [low, high] = worst->split();
    *worst = low;
    boxes.push_back(high);
  }
  std::vector<Colour> means;
  for (const Box& box : boxes) means.push_back(box.mean);
  return means;
}

std::size_t nearest_of(const std::vector<Colour>& colours, const Colour& colour) {
  std::size_t best = 0;
  double best_distance = std::numeric_limits<double>::infinity();
  for (std::size_t i = 0; i < colours.size(); ++i) {
    const double distance = squared_distance(colours[i], colour);
    if (distance < best_distance) best = i, best_distance = distance;
  }
  return best;
}

/// Moves every colour to the mean of its nearest points.
void refine(std::vector<Colour>& colours, const std::vector<Point>& points) {
  std::vector<Colour> sums(colours.size());
  std::vector<double> weights(colours.size());
  for (const Point& point : points) {
    const std::size_t nearest = nearest_of(colours, point.colour);
    weights[nearest] += point.weight;
    for (std::size_t i = 0; i < 3; ++i) sums[nearest][i] += point.colour[i] * point.weight;
  }
  for (std::size_t k = 0; k < colours.size(); ++k)
    for (std::size_t i = 0; i < 3 && weights[k] > 0; ++i) colours[k][i] = sums[k][i] / weights[k];
}

}  // namespace

PaletteBuilder::PaletteBuilder() : sums_(kBins) {}

void PaletteBuilder::add(std::span<const Rgb> pixels) {
  for (const Rgb& pixel : pixels) {
    Sum& sum = sums_[bin_of(pixel.red, pixel.green, pixel.blue)];
    sum.red += pixel.red;
    sum.green += pixel.green;
    sum.blue += pixel.blue;
    ++sum.count;
    if (few_) distinct_.insert(pixel);
    few_ = few_ && distinct_.size() <= kMostColours;
  }
}

Palette PaletteBuilder::build() const {
  if (few_) return {{distinct_.begin(), distinct_.end()}, true};
  std::vector<Point> points;
  for (const Sum& sum : sums_) {
    if (sum.count == 0) continue;
    const auto count = static_cast<double>(sum.count);
    const auto mean = [&](std::uint64_t total) { return static_cast<double>(total) / count; };
    points.push_back({{mean(sum.red), mean(sum.green), mean(sum.blue)}, count});
  }
  std::vector<Colour> colours = median_cut(points);
  for (int i = 0; i < kRefinements; ++i) refine(colours, points);
  Palette palette;
  for (const Colour& colour : colours) {
    const auto rounded = [](double channel) {
      return static_cast<std::uint8_t>(std::lround(std::clamp(channel, 0.0, 255.0)));
    };
    palette.colours.push_back({rounded(colour[0]), rounded(colour[1]), rounded(colour[2])});
  }
  return palette;
}

PaletteMapper::PaletteMapper(Palette palette) : palette_(std::move(palette)), cache_(kBins, -1) {}

void PaletteMapper::map(std::span<const Rgb> pixels, std::size_t width,
                        std::span<std::uint8_t> indices) {
  if (palette_.exact) return map_exactly(pixels, indices);
  // Errors in sixteenths, for this row and the next, with one extra pixel on each side.
  using Errors = std::vector<std::array<int, 3>>;
  Errors here(width + 2), below(width + 2);
  for (std::size_t i = 0; i < pixels.size(); ++i) {
    const std::size_t x = i % width + 1;
    if (x == 1) {
      here.swap(below);
      std::fill(below.begin(), below.end(), std::array<int, 3>{});
    }
    const std::array<int, 3> wanted = {std::clamp(pixels[i].red + here[x][0] / 16, 0, 255),
                                       std::clamp(pixels[i].green + here[x][1] / 16, 0, 255),
                                       std::clamp(pixels[i].blue + here[x][2] / 16, 0, 255)};
    indices[i] = nearest(wanted[0], wanted[1], wanted[2]);
    const Rgb& got = palette_.colours[indices[i]];
    const std::array<int, 3> lost = {wanted[0] - got.red, wanted[1] - got.green,
                                     wanted[2] - got.blue};
    for (std::size_t c = 0; c < 3; ++c) {
      const int error = lost[c] * 3 / 4;  // damped
      here[x + 1][c] += 7 * error;
      below[x - 1][c] += 3 * error;
      below[x][c] += 5 * error;
      below[x + 1][c] += error;
    }
  }
}

void PaletteMapper::map_exactly(std::span<const Rgb> pixels,
                                std::span<std::uint8_t> indices) const {
  const auto& colours = palette_.colours;
  for (std::size_t i = 0; i < pixels.size(); ++i)
    indices[i] = static_cast<std::uint8_t>(
        std::lower_bound(colours.begin(), colours.end(), pixels[i]) - colours.begin());
}

std::uint8_t PaletteMapper::nearest(int red, int green, int blue) {
  std::int16_t& cached = cache_[bin_of(red, green, blue)];
  if (cached >= 0) return static_cast<std::uint8_t>(cached);
  const auto centre = [](int channel) { return (channel & ~3) + 2; };
  int best_distance = std::numeric_limits<int>::max();
  for (std::size_t i = 0; i < palette_.colours.size(); ++i) {
    const Rgb& colour = palette_.colours[i];
    const int dr = centre(red) - colour.red, dg = centre(green) - colour.green,
              db = centre(blue) - colour.blue;
    const int distance = dr * dr + dg * dg + db * db;
    if (distance < best_distance) {
      best_distance = distance;
      cached = static_cast<std::int16_t>(i);
    }
  }
  return static_cast<std::uint8_t>(cached);
}

}  // namespace chitu::io
