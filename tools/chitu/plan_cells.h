#pragma once

#include <string>

#include "pipelines/forecast/forecast_report.h"

namespace chitu::tools {

/// "1280x720"; "does not fit"; "-" without --fit.
std::string largest_picture(const pipelines::LevelReport& level);
std::string largest_frames(const pipelines::LevelReport& level);

/// "yes" or "no". Call it for a bounded report only.
std::string fits_text(const pipelines::LevelReport& level);
/// Whether the report compares with a limit.
bool is_bounded(const pipelines::ForecastReport& report);

}  // namespace chitu::tools
