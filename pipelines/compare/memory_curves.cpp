#include "pipelines/compare/memory_curves.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "chitu_core/common/bytes.h"
#include "pipelines/compare/html.h"

namespace chitu::pipelines {
namespace {

// Pixels.
constexpr double kWidth = 960, kHeight = 330, kLeft = 80, kRight = 10, kTop = 34, kBottom = 290;
constexpr std::array kColours{"#1f4e79", "#d1661b"};
constexpr std::array kDashes{"none", "7 4"};

class Plot {
 public:
  Plot(std::size_t stages, const std::vector<MemoryCurve>& curves)
      : stages_(static_cast<double>(std::max<std::size_t>(1, stages))) {
    for (const MemoryCurve& curve : curves)
      for (const auto& point : curve.points) most_ = std::max(most_, point.bytes);
  }

  double x(double stage) const { return kLeft + (kWidth - kLeft - kRight) * stage / stages_; }
  double y(double bytes) const {
    return kBottom - (kBottom - kTop) * bytes / (1.1 * static_cast<double>(most_));
  }

  std::string scale() const {
    std::string svg;
    const double step = std::exp2(std::ceil(std::log2(static_cast<double>(most_) / 5)));
    for (double bytes = 0; bytes <= static_cast<double>(most_); bytes += step)
      svg += fmt::format(
          "<line x1=\"{0}\" x2=\"{1}\" y1=\"{2:.1f}\" y2=\"{2:.1f}\" stroke=\"#ccc\"/>"
          "<text x=\"{3}\" y=\"{4:.1f}\" text-anchor=\"end\">{5}</text>\n",
          kLeft, kWidth - kRight, y(bytes), kLeft - 6, y(bytes) + 4,
          format_bytes(static_cast<std::int64_t>(bytes)));
    return svg;
  }

  std::string stage(std::size_t index, const std::string& name) const {
    const double left = x(static_cast<double>(index)), right = x(static_cast<double>(index) + 1);
    return fmt::format(
        "<rect class=\"stage\" x=\"{:.1f}\" y=\"{}\" width=\"{:.1f}\" height=\"{}\" fill=\"{}\"/>"
        "<text x=\"{:.1f}\" y=\"{}\" text-anchor=\"middle\">{}</text>\n",
        left, kTop, right - left, kBottom - kTop, index % 2 == 0 ? "#f4f7fa" : "#ffffff",
        (left + right) / 2, kBottom + 16, html::escaped(name));
  }

  std::string curve(std::size_t index, const MemoryCurve& curve) const {
    std::string points;
    for (const auto& point : curve.points)
      points += fmt::format("{:.1f},{:.1f} ", x(point.stage), y(static_cast<double>(point.bytes)));
    const std::size_t look = index % kColours.size();
    const double at = kLeft + 300 * static_cast<double>(index);
    return fmt::format(
        "<polyline class=\"memory\" fill=\"none\" stroke=\"{0}\" stroke-width=\"2\" "
        "stroke-dasharray=\"{1}\" points=\"{2}\"/>\n<line x1=\"{3}\" x2=\"{4}\" y1=\"16\" "
        "y2=\"16\" stroke=\"{0}\" stroke-width=\"2\" stroke-dasharray=\"{1}\"/>"
        "<text x=\"{5}\" y=\"20\">{6}</text>\n",
        kColours[look], kDashes[look], points, at, at + 40, at + 48, html::escaped(curve.name));
  }

 private:
  double stages_;
  std::int64_t most_ = 1;
};

}  // namespace

MemoryCurve memory_curve(std::string name, const std::vector<StageFigures>& stages) {
  MemoryCurve curve{std::move(name), {}};
  std::int64_t before = 0;
  for (std::size_t i = 0; i < stages.size(); ++i) {
    const auto begin = static_cast<double>(i);
    curve.points.push_back({begin, before});
    curve.points.push_back({begin + 0.25, stages[i].peak_bytes});
    curve.points.push_back({begin + 0.75, stages[i].peak_bytes});
    before = stages[i].allocated_bytes;
    curve.points.push_back({begin + 1, before});
  }
  return curve;
}

std::string memory_curves_svg(const std::vector<std::string>& stages,
                              const std::vector<MemoryCurve>& curves) {
  const Plot plot(stages.size(), curves);
  std::string svg = fmt::format(
      "<svg class=\"memory-curves\" xmlns=\"http://www.w3.org/2000/svg\" width=\"{0}\" "
      "height=\"{1}\" viewBox=\"0 0 {0} {1}\" font-family=\"sans-serif\" font-size=\"12\">\n",
      kWidth, kHeight);
  for (std::size_t i = 0; i < stages.size(); ++i) svg += plot.stage(i, stages[i]);
  svg += plot.scale();
  for (std::size_t i = 0; i < curves.size(); ++i) svg += plot.curve(i, curves[i]);
  return svg + "</svg>\n";
}

}  // namespace chitu::pipelines
