#pragma once

#include <nlohmann/json_fwd.hpp>

#include "chitu_core/memory/plan.h"
#include "pipelines/forecast/memory_budget.h"
#include "pipelines/forecast/plan_choice.h"

namespace chitu::pipelines {

/// A memory plan as in every report: "plan" in metrics.json, the plans of levels in `chitu plan
/// --format json`, and the whole of `chitu plan --placement`. Keys are in reading order, and only
/// ever added. The placement and dtype of weights use the words of the group memory.
nlohmann::ordered_json to_json(const memory::MemoryPlan& plan);

/// The choice of a plan, and a limit that a run exceeded, as in metrics.json.
nlohmann::json to_json(const PlanChoice& choice);
nlohmann::json to_json(const Overrun& overrun);

}  // namespace chitu::pipelines
