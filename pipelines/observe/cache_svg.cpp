#include "pipelines/observe/cache_svg.h"

#include <fmt/format.h>

#include <algorithm>

#include "pipelines/observe/svg_text.h"

namespace chitu::pipelines {
namespace {

using graph::StepDecision;

// Pixels.
constexpr double kWidth = 1000, kLeft = 60, kRight = 20, kTop = 60, kMostHeight = 360;
constexpr double kWidestStep = 30, kHighestLayer = 12;
constexpr const char* kComputed = "#1f4e79";
constexpr const char* kPartly = "#7fa8d0";
constexpr const char* kReused = "#e6e6e6";
constexpr const char* kForecast = "#f3c97f";

/// Places of steps and layers.
class Grid {
 public:
  explicit Grid(const CacheDecisions& decisions) {
    for (const StepDecision& step : decisions.steps()) layers_ = std::max(layers_, step.layers);
    const auto steps = static_cast<double>(std::max<std::int64_t>(1, decisions.step_count()));
    step_width_ = std::min(kWidestStep, (kWidth - kLeft - kRight) / steps);
    layer_height_ = std::min(kHighestLayer, kMostHeight / static_cast<double>(layers_));
  }

  double x(std::size_t column) const { return kLeft + step_width_ * static_cast<double>(column); }
  double y(std::int64_t layer) const { return kTop + layer_height_ * static_cast<double>(layer); }
  double bottom() const { return y(layers_); }
  std::int64_t layers() const { return layers_; }

  /// Layers first to last - 1 of a step, in one colour.
  std::string cells(std::size_t column, std::int64_t first, std::int64_t last,
                    const char* colour) const {
    if (last <= first) return "";
    return fmt::format(
        "<rect x='{:.1f}' y='{:.1f}' width='{:.1f}' height='{:.1f}' fill='{}' stroke='white' "
        "stroke-width='0.5'/>\n",
        x(column), y(first), step_width_, y(last) - y(first), colour);
  }

 private:
  std::int64_t layers_ = 1;
  double step_width_, layer_height_;
};

std::string reused_attention(const StepDecision& step) {
  if (!step.self_attention_reused && !step.cross_attention_reused) return "";
  if (!step.cross_attention_reused) return ", self-attention reused";
  return step.self_attention_reused ? ", attention reused" : ", cross-attention reused";
}

std::string column(const StepDecision& step, std::size_t index, const Grid& grid) {
  const std::int64_t last = step.first_layer + step.computed_layers;
  const bool is_partly = !reused_attention(step).empty();
  const char* left_out = step.decision == "forecast" ? kForecast : kReused;
  return fmt::format("<g class='step'><title>step {}, {}: {}, {} of {} layers{}</title>\n{}{}{}",
                     step.step, svg_escaped(step.component), step.decision, step.computed_layers,
                     step.layers, reused_attention(step),
                     grid.cells(index, 0, step.first_layer, left_out),
                     grid.cells(index, step.first_layer, last, is_partly ? kPartly : kComputed),
                     grid.cells(index, last, step.layers, left_out)) +
         "</g>\n";
}

/// The component above its first step, the number of every fifth step below.
std::string labels(const CacheDecisions& decisions, const Grid& grid) {
  std::string svg, component;
  const auto& steps = decisions.steps();
  for (std::size_t i = 0; i < steps.size(); ++i) {
    if (steps[i].component != component)
      svg += fmt::format("<text x='{:.1f}' y='{}'>{}</text>\n", grid.x(i), kTop - 8,
                         svg_escaped(steps[i].component));
    component = steps[i].component;
    if (steps[i].step % 5 == 0)
      svg += fmt::format("<text x='{:.1f}' y='{:.1f}'>{}</text>\n", grid.x(i), grid.bottom() + 16,
                         steps[i].step);
  }
  return svg + fmt::format(
                   "<text x='{0}' y='{1}' text-anchor='end'>layer 0</text>\n"
                   "<text x='{0}' y='{2:.1f}' text-anchor='end'>{3}</text>\n",
                   kLeft - 6, kTop + 10, grid.bottom(), grid.layers() - 1);
}

std::string legend(double y) {
  std::string svg;
  double x = kLeft;
  for (const auto& [colour, name] :
       {std::pair{kComputed, "computed"}, std::pair{kPartly, "computed, attention reused"},
        std::pair{kReused, "reused"}, std::pair{kForecast, "forecast"}}) {
    svg += fmt::format(
        "<rect x='{0}' y='{1:.1f}' width='12' height='12' fill='{2}'/>"
        "<text x='{3}' y='{4:.1f}'>{5}</text>\n",
        x, y, colour, x + 18, y + 10, name);
    x += 200;
  }
  return svg;
}

}  // namespace

std::string cache_svg(const CacheDecisions& decisions, const std::string& title) {
  const Grid grid(decisions);
  std::string svg = fmt::format(
      "<svg xmlns='http://www.w3.org/2000/svg' width='{0}' height='{1:.1f}' viewBox='0 0 {0} "
      "{1:.1f}' font-family='sans-serif' font-size='12'>\n"
      "<rect width='100%' height='100%' fill='white'/>\n"
      "<text x='{2}' y='24' font-size='15'>{3}</text>\n",
      kWidth, grid.bottom() + 60, kLeft, svg_escaped(title));
  for (std::size_t i = 0; i < decisions.steps().size(); ++i)
    svg += column(decisions.steps()[i], i, grid);
  return svg + labels(decisions, grid) + legend(grid.bottom() + 30) + "</svg>\n";
}

}  // namespace chitu::pipelines
