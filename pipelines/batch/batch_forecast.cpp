#include "pipelines/batch/batch_forecast.h"

#include <algorithm>
#include <utility>

#include "chitu_core/common/error.h"
#include "pipelines/batch/window_forecast.h"
#include "pipelines/forecast/time_model.h"
#include "pipelines/model/model_folder.h"

namespace chitu::pipelines {
namespace {

std::vector<PlannedWindow> cut(const LevelForecaster& forecaster, std::span<const Request> requests,
                               const BatchShape& shape) {
  const Pipeline& pipeline = forecaster.pipeline();
  std::vector<std::string> components;
  for (const memory::Component* component : pipeline.components())
    components.push_back(component->name());
  const Window legs(pipeline, {}, 1, pipeline.frames_slot());
  const LatentsOrigin origin{{},
                             nobodys_identity(ModelFolder::open(forecaster.ckpt_dir()), components),
                             forecaster.ckpt_dir(),
                             legs.first_stage(legs.last_leg())};
  std::vector<PlannedWindow> windows;
  for (std::size_t i = 0; i < requests.size(); ++i) {
    if (i % static_cast<std::size_t>(shape.window) == 0) windows.emplace_back();
    windows.back().items.push_back({{requests[i]}});
    windows.back().spilled.push_back({"", origin, {}});
    windows.back().spilled.back().origin.request = requests[i];
  }
  return windows;
}

memory::MemoryPlan plan_for(const LevelForecaster& forecaster, std::optional<int> level,
                            const WindowForecasts& forecasts) {
  if (level) return forecaster.plan_of(*level);
  ChosenPlan chosen = forecaster.chosen(forecasts.for_choice());
  if (!chosen.plan) throw OutOfMemoryError(chosen.refusal);
  return std::move(chosen.plan->forecast.plan);
}

}  // namespace

BatchForecast forecast_batch(const LevelForecaster& forecaster, std::optional<int> level,
                             std::span<const Request> requests, const BatchShape& shape) {
  if (requests.empty() || shape.window < 1 || shape.size < 1)
    throw Error("a batch is planned for requests, in windows and groups of 1 or more");
  const WindowForecasts forecasts(forecaster.forecaster(), cut(forecaster, requests, shape),
                                  shape.size);
  const WindowForecast& planned = forecasts.of(plan_for(forecaster, level, forecasts));
  const Forecast& forecast = planned.forecast;
  BatchForecast batch;
  batch.plan = forecast.plan;
  batch.windows = std::ssize(planned.work);
  batch.peak_device_bytes = forecast.peak_device_bytes;
  batch.peak_host_bytes = forecast.peak_host_bytes;
  batch.h2d_bytes = forecast.h2d_bytes;
  batch.d2h_bytes = forecast.d2h_bytes;
  batch.disk_bytes = forecast.disk_bytes;
  batch.flops = forecast.flops;
  if (forecaster.profile()) batch.least_s = least_time(forecast, *forecaster.profile()).total_s;
  batch.fits = fits(forecast, forecaster.budget());
  batch.spill_bytes = planned.spill_bytes;
  batch.largest_window =
      std::min(std::ssize(requests), largest_window(planned.leg_bytes, shape.spill_limit_bytes));
  return batch;
}

}  // namespace chitu::pipelines
