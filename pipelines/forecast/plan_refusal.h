#pragma once

#include <functional>
#include <vector>

#include "pipelines/forecast/forecasts.h"
#include "pipelines/forecast/memory_budget.h"

namespace chitu::pipelines {

/// Whether another request fits the budget, with the plans that were allowed for the refused one.
using WouldFit = std::function<bool(const Request& request)>;

/// Reports that no plan fits: host memory is short if the device has room for some plan, else
/// device memory.
///
/// rejected  what each tried level needs; at least one
/// throws    OutOfMemoryError naming the available memory, the lowest limit that would do, what
///           each level needs, and what would fit: with a cache, the same without what that keeps
///           on the device; else the most frames or the largest picture
[[noreturn]] void refuse_plans(const Forecasts& forecasts, const MemoryBudget& budget,
                               const std::vector<Forecast>& rejected, const WouldFit& would_fit);

}  // namespace chitu::pipelines
