#include "tools/chitu/plan_cells.h"

#include <fmt/format.h>

namespace chitu::tools {

std::string largest_picture(const pipelines::LevelReport& level) {
  if (!level.largest) return "-";
  const auto& picture = level.largest->picture;
  return picture ? fmt::format("{}x{}", picture->width, picture->height) : "does not fit";
}

std::string largest_frames(const pipelines::LevelReport& level) {
  if (!level.largest) return "-";
  return level.largest->frames ? fmt::format("{}", *level.largest->frames) : "does not fit";
}

std::string fits_text(const pipelines::LevelReport& level) {
  return *level.plan.fits ? "yes" : "no";
}

bool is_bounded(const pipelines::ForecastReport& report) {
  return report.levels.front().plan.fits.has_value();
}

}  // namespace chitu::tools
