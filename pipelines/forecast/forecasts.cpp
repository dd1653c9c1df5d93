#include "pipelines/forecast/forecasts.h"

#include <utility>

namespace chitu::pipelines {

Forecasts::Forecasts(const Forecaster& forecaster, Request request, bool longest_prompts)
    : forecaster_(forecaster), request_(std::move(request)), longest_prompts_(longest_prompts) {}

const Forecast& Forecasts::of(const memory::MemoryPlan& plan) const {
  for (const Forecast& forecast : made_)
    if (forecast.plan == plan) return forecast;
  return made_.emplace_back(forecaster_.forecast(request_, plan, longest_prompts_));
}

}  // namespace chitu::pipelines
