#include "pipelines/forecast/level_forecaster.h"

#include <c10/core/InferenceMode.h>

#include <algorithm>
#include <utility>

#include "chitu_core/common/error.h"
#include "chitu_core/device/device.h"
#include "chitu_core/device/library_memory.h"
#include "chitu_core/device/sim.h"
#include "chitu_core/memory/weights.h"
#include "pipelines/forecast/plan_choice.h"
#include "pipelines/forecast/process_size.h"
#include "pipelines/model/device_choices.h"

namespace chitu::pipelines {
namespace {

bool is_at_hand(const std::string& device) {
  const auto names = device::available();
  return std::find(names.begin(), names.end(), device) != names.end();
}

std::unique_ptr<Pipeline> open(const EngineOptions& options, c10::Device device) {
  const c10::InferenceMode inference;
  ModelChoices choices = model_choices(options, device);
  choices.for_plan = true;
  return open_pipeline(options.ckpt_dir, choices);
}

memory::MemoryConfig at_level(memory::MemoryConfig config, int level) {
  config.low_mem_level = level;
  return config;
}

/// Streamed and offloaded components leave nothing on the device between their stages.
std::int64_t resting_bytes(const memory::ComponentPlan& plan, std::int64_t onload_bytes) {
  return plan.residency == memory::Residency::resident ? onload_bytes : 0;
}

ComponentForecast describe(const memory::Component& component, const memory::MemoryPlan& plan) {
  ComponentForecast described;
  described.name = component.name();
  described.plan = plan.component(component.name());
  described.parameters = component.module().parameter_count();
  described.stored_bytes = component.stored_bytes();
  described.onload_bytes = component.bytes_in(described.plan.format());
  described.at_rest_bytes = resting_bytes(described.plan, described.onload_bytes);
  return described;
}

}  // namespace

std::int64_t LevelForecast::at_rest_bytes() const {
  const c10::Device computes_on = forecast.plan.device;
  std::int64_t bytes = 0;
  for (const ComponentForecast& component : components)
    if (component.plan.device == computes_on) bytes += component.at_rest_bytes;
  return bytes;
}

LevelForecaster::Device LevelForecaster::resolve(const EngineOptions& options) {
  Device device = resolve_device(options);
  MemoryFacts& memory = device.memory;
  memory.device = device.computes_on.str();
  memory.host_computes = device.computes_on.is_cpu();
  memory.declared =
      declared_memory(options.sim.capacity_bytes, options.profile, device.computes_on);
  memory.host_total_bytes = device::memory_room(c10::kCPU).total_bytes;
  if (is_at_hand(device.name)) memory.library_bytes = device::library_bytes(device.computes_on);
  if (!memory.declared) memory.room = room_at_hand(device, chooses_plan(options.memory));
  return device;
}

/// For a device of this machine; without a capacity, the simulated device limits choices only.
std::optional<device::MemoryRoom> LevelForecaster::room_at_hand(const Device& device,
                                                                bool chooses) {
  const bool is_sim = device.computes_on.type() == c10::kPrivateUse1;
  if (is_sim ? !chooses : !is_at_hand(device.name)) return std::nullopt;
  device::MemoryRoom room = device::memory_room(device.computes_on);
  room.free_bytes += device.computes_on.is_cpu() ? device::owned_bytes()
                                                 : device::library_bytes(device.computes_on);
  return room;
}

LevelForecaster::Device LevelForecaster::resolve_device(const EngineOptions& options) {
  const bool by_profile =
      options.device == "auto" && options.profile && !options.profile->device.empty();
  const std::string& wanted = by_profile ? options.profile->device : options.device;
  Device device;
  if (options.device == "sim")
    device.computes_on = device::configure_sim(sim_options(options));
  else if (wanted.starts_with("cuda"))
    device.computes_on = c10::Device(wanted == "cuda" ? "cuda:0" : wanted);
  else
    device.computes_on = device::resolve(wanted);
  device.name = options.device == "sim" ? "sim" : device.computes_on.str();
  if (options.device != "sim" && !device.computes_on.is_cpu())
    device.planned = imitated_device(device.computes_on);
  return device;
}

LevelForecaster::LevelForecaster(const EngineOptions& options)
    : options_(options),
      device_(resolve(options)),
      choices_(choices_on(device_.computes_on, options)),
      forecaster_(open(options, device_.computes_on), device_.planned),
      process_bytes_(process_size(choices_, device_.planned.host_kernels)) {
  device_.memory.process_bytes = process_bytes_;
  budget_ = memory_budget(options_.memory, device_.memory);
}

memory::MemoryPlan LevelForecaster::plan_of(int level) const {
  return memory::make_plan(at_level(options_.memory, level), choices_);
}

memory::MemoryPlan LevelForecaster::plan_of(int level, const EngineOptions& options) {
  return memory::make_plan(at_level(options.memory, level),
                           choices_on(resolve(options).computes_on, options));
}

LevelForecast LevelForecaster::plan(int level, const Request& request, bool longest_prompts) const {
  return plan(level, forecasts(request, longest_prompts));
}

LevelForecast LevelForecaster::plan(int level, const Forecasts& forecasts) const {
  return level_plan(forecasts.of(plan_of(level)), forecasts.request());
}

LevelForecast LevelForecaster::level_plan(const Forecast& forecast, const Request& request) const {
  LevelForecast planned;
  planned.forecast = forecast;
  for (const memory::Component* component : pipeline().components())
    planned.components.push_back(describe(*component, forecast.plan));
  planned.recomputed_share = pipeline().recomputed_share(request, forecast.plan);
  if (profile()) planned.least_time = least_time(forecast, *profile());
  planned.fits = fits(forecast, budget_);
  return planned;
}

RequestTime LevelForecaster::time_of_one_rank(const memory::MemoryPlan& plan,
                                              const Forecasts& forecasts) const {
  if (!one_rank_) {
    EngineOptions options = options_;
    options.parallel = {};
    one_rank_ = std::make_unique<Forecaster>(open(options, device_.computes_on), device_.planned);
  }
  return least_time(one_rank_->forecast(forecasts.request(), plan, forecasts.longest_prompts()),
                    *profile());
}

ChosenPlan LevelForecaster::chosen(const Forecasts& forecasts) const {
  const memory::MemoryConfig& config = options_.memory;
  if (!config.low_mem_level && !budget_.bytes)
    return {{},
            "infer.diffusion.low_mem_level=auto: the choice depends on the memory of " +
                device_name() + ", which is not known here; give it as device.capacity=24GiB"};
  try {
    return {level_plan(choose(forecasts), forecasts.request()), ""};
  } catch (const OutOfMemoryError& error) {
    return {{}, error.what()};
  }
}

Forecast LevelForecaster::choose(const Forecasts& forecasts) const {
  const memory::MemoryConfig& config = options_.memory;
  if (chooses_plan(config))
    return choose_plan(forecasts, config, choices_, budget_, profile()).forecast;
  const memory::MemoryPlan named = plan_of(*config.low_mem_level);
  // Free memory at this moment is an estimate; a run does not refuse its level because of it.
  return device_.memory.declared ? keep_plan(forecasts, named, budget_).forecast
                                 : forecasts.of(named);
}

}  // namespace chitu::pipelines
