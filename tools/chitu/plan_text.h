#pragma once

#include <string>

#include "pipelines/forecast/plan_report.h"

namespace chitu::tools {

/// A plan for people to read: a column for each level, and one for the plan that a run chooses.
std::string to_table(const pipelines::PlanReport& report);
std::string to_markdown(const pipelines::PlanReport& report);
/// A header, then a line for each level and one for the plan that a run chooses. Sizes in bytes.
std::string to_csv(const pipelines::PlanReport& report);

}  // namespace chitu::tools
