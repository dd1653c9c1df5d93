#pragma once

#include <vector>

#include "pipelines/forecast/forecasts.h"
#include "pipelines/forecast/memory_budget.h"

namespace chitu::pipelines {

/// Reports that no plan fits: host memory is short if the device has room for some plan, else
/// device memory.
///
/// rejected  what each tried level needs; at least one
/// throws    OutOfMemoryError naming the available memory, the lowest limit that would do, what
///           each level needs, and the most frames or the largest picture that would fit
[[noreturn]] void refuse_plans(const Forecasts& forecasts, const MemoryBudget& budget,
                               const std::vector<Forecast>& rejected);

}  // namespace chitu::pipelines
