#pragma once

#include <string>

#include "pipelines/forecast/plan_report.h"

namespace chitu::tools {

/// A plan as people read it: a column a level, and one of what a run takes.
std::string to_table(const pipelines::PlanReport& report);
std::string to_markdown(const pipelines::PlanReport& report);
/// One line a level and one of what a run takes, the names in the first line, bytes as whole
/// numbers.
std::string to_csv(const pipelines::PlanReport& report);

}  // namespace chitu::tools
