#pragma once

#include <string>

#include "pipelines/forecast/forecast_report.h"

namespace chitu::tools {

/// A plan for people to read: a column for each level, and one for the plan that a run chooses.
std::string to_table(const pipelines::ForecastReport& report);
std::string to_markdown(const pipelines::ForecastReport& report);
/// A header, then a line for each level and one for the plan that a run chooses. Sizes in bytes.
std::string to_csv(const pipelines::ForecastReport& report);

}  // namespace chitu::tools
