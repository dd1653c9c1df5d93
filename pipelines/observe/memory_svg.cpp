#include "pipelines/observe/memory_svg.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <map>

#include "chitu_core/common/bytes.h"
#include "pipelines/observe/svg_text.h"

namespace chitu::pipelines {
namespace {

// Pixels.
constexpr double kWidth = 1000, kLeft = 90, kRight = 20, kTop = 50, kPlotHeight = 300;
constexpr double kBottom = kTop + kPlotHeight, kPlotWidth = kWidth - kLeft - kRight;
constexpr double kCharacter = 6.5;  // width in a line of text, about
constexpr double kLineHeight = 18;
constexpr int kLegendColumns = 3;
constexpr std::array kShades{"#cfe3f5", "#fde3c2", "#d5ecd0", "#f3d3d8", "#e2d8ef", "#e9e6c8"};

/// Coordinates of seconds and bytes in the picture.
class Axes {
 public:
  explicit Axes(const MemoryChart& chart) {
    if (!chart.samples.empty()) {
      begin_s_ = chart.samples.front().at_s;
      end_s_ = chart.samples.back().at_s;
    }
    for (const auto& sample : chart.samples) most_ = std::max(most_, sample.bytes);
    for (const auto& stage : chart.stages) {
      begin_s_ = std::min(begin_s_, stage.begin_s);
      end_s_ = std::max(end_s_, stage.end_s);
      most_ = std::max(most_, stage.peak_bytes);
    }
    end_s_ = std::max(end_s_, begin_s_ + 1e-6);
  }

  double x(double at_s) const {
    return kLeft + kPlotWidth * (at_s - begin_s_) / (end_s_ - begin_s_);
  }
  double y(double bytes) const {
    return kBottom - kPlotHeight * bytes / (1.2 * static_cast<double>(most_));  // room for labels
  }

  std::string lines() const {
    std::string svg;
    const double byte_step = std::exp2(std::ceil(std::log2(static_cast<double>(most_) / 5)));
    for (double bytes = 0; bytes <= static_cast<double>(most_); bytes += byte_step)
      svg += fmt::format(
          "<line x1='{0}' y1='{1:.1f}' x2='{2}' y2='{1:.1f}' stroke='#999' stroke-width='0.3'/>"
          "<text x='{3}' y='{4:.1f}' text-anchor='end'>{5}</text>\n",
          kLeft, y(bytes), kWidth - kRight, kLeft - 6, y(bytes) + 4,
          format_bytes(static_cast<std::int64_t>(bytes)));
    const double time_step = step_of_seconds((end_s_ - begin_s_) / 8);
    for (int i = 0; i * time_step <= end_s_ - begin_s_; ++i)
      svg += fmt::format(
          "<line x1='{0:.1f}' y1='{1}' x2='{0:.1f}' y2='{2}' stroke='#555'/>"
          "<text x='{0:.1f}' y='{3}' text-anchor='middle'>{4:.4g} s</text>\n",
          x(begin_s_ + i * time_step), kBottom, kBottom + 4, kBottom + 18, i * time_step);
    return svg;
  }

 private:
  /// The next larger of 1, 2 and 5 times a power of ten.
  static double step_of_seconds(double at_least) {
    const double power = std::pow(10, std::floor(std::log10(at_least)));
    for (const double factor : {1.0, 2.0, 5.0})
      if (factor * power >= at_least) return factor * power;
    return 10 * power;
  }

  double begin_s_ = 0, end_s_ = 0;
  std::int64_t most_ = 1;
};

const char* shade(std::size_t stage) { return kShades[stage % kShades.size()]; }

/// The band of a stage, with its name if there is room; the legend names all.
std::string band(const MemoryChart::Stage& stage, std::size_t index, const Axes& axes) {
  const double left = axes.x(stage.begin_s), width = axes.x(stage.end_s) - left;
  const std::string name = svg_escaped(stage.name);
  std::string svg = fmt::format(
      "<rect class='stage' x='{:.1f}' y='{}' width='{:.1f}' height='{}' fill='{}'>"
      "<title>{}</title></rect>\n",
      left, kTop, width, kPlotHeight, shade(index), name);
  const double middle = left + width / 2;
  if (width > kCharacter * static_cast<double>(stage.name.size()))
    svg += fmt::format("<text x='{:.1f}' y='{}' text-anchor='middle'>{}</text>\n", middle,
                       kTop + kLineHeight, name);
  else if (width > kLineHeight)
    svg += fmt::format("<text x='{0:.1f}' y='{1}' transform='rotate(-90,{0:.1f},{1})'>{2}</text>\n",
                       middle + 4, kBottom - 6, name);
  return svg;
}

/// A curve with only as many points as are visible: of those in one column of pixels, the highest.
std::string curve(const MemoryChart& chart, const Axes& axes) {
  std::map<long, double> columns;
  for (const auto& sample : chart.samples) {
    const double y = axes.y(static_cast<double>(sample.bytes));
    const auto [column, made] = columns.emplace(std::lround(axes.x(sample.at_s)), y);
    column->second = std::min(column->second, y);
  }
  std::string points;
  for (const auto& [x, y] : columns) points += fmt::format("{},{:.1f} ", x, y);
  return "<polyline fill='none' stroke='#1f4e79' stroke-width='1.5' points='" + points + "'/>\n";
}

std::string peak_mark(const MemoryChart& chart, const Axes& axes) {
  const auto highest =
      std::max_element(chart.stages.begin(), chart.stages.end(),
                       [](const auto& a, const auto& b) { return a.peak_bytes < b.peak_bytes; });
  if (highest == chart.stages.end()) return "";
  const double x = axes.x(highest->peak_s), y = axes.y(static_cast<double>(highest->peak_bytes));
  const bool on_the_right = x > kLeft + kPlotWidth / 2;
  return fmt::format(
      "<circle cx='{:.1f}' cy='{:.1f}' r='4' fill='#b3261e'/>"
      "<text x='{:.1f}' y='{:.1f}' fill='#b3261e' font-weight='bold' text-anchor='{}'>"
      "peak {} in {}</text>\n",
      x, y, x + (on_the_right ? -8 : 8), y - 6, on_the_right ? "end" : "start",
      format_bytes(highest->peak_bytes), svg_escaped(highest->name));
}

std::string legend(const MemoryChart& chart) {
  std::string svg;
  for (std::size_t i = 0; i < chart.stages.size(); ++i) {
    const auto& stage = chart.stages[i];
    const double x = kLeft + kPlotWidth / kLegendColumns * static_cast<double>(i % kLegendColumns);
    const double y = kBottom + 44 + kLineHeight * static_cast<double>(i / kLegendColumns);
    svg += fmt::format(
        "<rect x='{0:.1f}' y='{1}' width='12' height='12' fill='{2}' stroke='#999'/>"
        "<text x='{3:.1f}' y='{4}'>{5}: {6:.3f} s, peak {7}</text>\n",
        x, y - 10, shade(i), x + 18, y, svg_escaped(stage.name), stage.end_s - stage.begin_s,
        format_bytes(stage.peak_bytes));
  }
  return svg;
}

}  // namespace

std::string memory_svg(const MemoryChart& chart) {
  const Axes axes(chart);
  const auto rows =
      static_cast<double>((chart.stages.size() + kLegendColumns - 1) / kLegendColumns);
  std::string svg = fmt::format(
      "<svg xmlns='http://www.w3.org/2000/svg' width='{0}' height='{1}' viewBox='0 0 {0} {1}' "
      "font-family='sans-serif' font-size='12' stroke='none'>\n"
      "<rect width='100%' height='100%' fill='white'/>\n"
      "<text x='{2}' y='24' font-size='15'>{3}</text>\n",
      kWidth, kBottom + 44 + kLineHeight * rows, kLeft, svg_escaped(chart.title));
  for (std::size_t i = 0; i < chart.stages.size(); ++i) svg += band(chart.stages[i], i, axes);
  return svg + axes.lines() + curve(chart, axes) + peak_mark(chart, axes) + legend(chart) +
         "</svg>\n";
}

}  // namespace chitu::pipelines
