#include "pipelines/forecast/forecasts.h"

#include <utility>

namespace chitu::pipelines {

Forecasts::Forecasts(const Forecaster& forecaster, Request request, bool longest_prompts)
    : Forecasts(forecaster, std::move(request), longest_prompts, {"this request", {}, {}}) {}

Forecasts::Forecasts(const Forecaster& forecaster, Request request, bool longest_prompts,
                     ForecastSubject subject)
    : forecaster_(forecaster),
      request_(std::move(request)),
      longest_prompts_(longest_prompts),
      subject_(std::move(subject)) {}

Forecast Forecasts::make(const memory::MemoryPlan& plan) const {
  if (subject_.forecast) return subject_.forecast(plan);
  return forecaster_.forecast(request_, plan, longest_prompts_);
}

const Forecast& Forecasts::of(const memory::MemoryPlan& plan) const {
  for (const Forecast& forecast : made_)
    if (forecast.plan == plan) return forecast;
  return made_.emplace_back(make(plan));
}

}  // namespace chitu::pipelines
