#pragma once

#include <nlohmann/json_fwd.hpp>

#include "chitu_core/memory/plan.h"
#include "pipelines/forecast/memory_budget.h"
#include "pipelines/forecast/plan_choice.h"

namespace chitu::pipelines {

/// A memory plan as every report has it: "plan" in metrics.json and of each level in `chitu plan
/// --format json`, and all that `chitu plan --placement` prints. In the order in which it is read;
/// keys are only ever added. Where weights rest and in which dtype is told in the words of the
/// group memory.
nlohmann::ordered_json to_json(const memory::MemoryPlan& plan);

/// How a plan was chosen and a limit that a run exceeded, as they stand in metrics.json.
nlohmann::json to_json(const PlanChoice& choice);
nlohmann::json to_json(const Overrun& overrun);

}  // namespace chitu::pipelines
