#include "pipelines/forecast/forecasts.h"

#include <utility>

namespace chitu::pipelines {

Forecasts::Forecasts(const Planner& planner, Request request, bool longest_prompts)
    : planner_(planner), request_(std::move(request)), longest_prompts_(longest_prompts) {}

const Forecast& Forecasts::of(const memory::MemoryPlan& plan) const {
  for (const Forecast& forecast : made_)
    if (forecast.plan == plan) return forecast;
  return made_.emplace_back(planner_.forecast(request_, plan, longest_prompts_));
}

}  // namespace chitu::pipelines
