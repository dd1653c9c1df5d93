#pragma once

#include <vector>

#include "pipelines/forecast/forecasts.h"
#include "pipelines/forecast/memory_budget.h"

namespace chitu::pipelines {

/// No plan fits: for want of host memory where the device has room for some, else of the device's.
///
/// rejected  what each level that was tried needs, at least one
/// throws    OutOfMemoryError naming what there is, the least limit that would do, what each level
///           needs, and the most frames or the largest picture that would fit
[[noreturn]] void refuse_plans(const Forecasts& forecasts, const MemoryBudget& budget,
                               const std::vector<Forecast>& rejected);

}  // namespace chitu::pipelines
