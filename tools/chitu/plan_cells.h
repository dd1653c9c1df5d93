#pragma once

#include <string>

#include "pipelines/forecast/plan_report.h"

namespace chitu::tools {

/// "1280x720"; "does not fit"; "-" where nobody asked.
std::string largest_picture(const pipelines::LevelReport& level);
std::string largest_frames(const pipelines::LevelReport& level);

/// "yes" or "no", of a report that is bounded.
std::string fits_text(const pipelines::LevelReport& level);
bool is_bounded(const pipelines::PlanReport& report);

}  // namespace chitu::tools
