#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "pipelines/compare/run_figures.h"

namespace chitu::pipelines {

/// Device memory over the stages of a run. All stages are drawn with the same width, so that two
/// runs lie over each other whatever their times.
struct MemoryCurve {
  struct Point {
    double stage;  ///< 2.5: in the middle of the third stage
    std::int64_t bytes;
  };
  std::string name;  ///< for the legend
  std::vector<Point> points;
};

/// The coarse curve that metrics.json holds: the peak of each stage, and what is left at its end.
MemoryCurve memory_curve(std::string name, const std::vector<StageFigures>& stages);

/// The curves over each other as an SVG element, for a page.
std::string memory_curves_svg(const std::vector<std::string>& stages,
                              const std::vector<MemoryCurve>& curves);

}  // namespace chitu::pipelines
