#include "pipelines/level_planner.h"

#include <c10/core/InferenceMode.h>

#include <algorithm>
#include <utility>

#include "chitu_core/device/device.h"
#include "chitu_core/memory/weights.h"
#include "pipelines/device_choices.h"
#include "pipelines/process_size.h"

namespace chitu::pipelines {
namespace {

bool is_at_hand(const std::string& device) {
  const auto names = device::available();
  return std::find(names.begin(), names.end(), device) != names.end();
}

std::unique_ptr<Pipeline> open(const EngineOptions& options, c10::Device device) {
  const c10::InferenceMode inference;
  return open_pipeline(options.ckpt_dir,
                       {.attn_type = options.attn_type, .device = device, .for_plan = true});
}

memory::MemoryConfig at_level(memory::MemoryConfig config, int level) {
  config.low_mem_level = level;
  return config;
}

/// Of a streamed component nothing stays between its stages; of an offloaded one neither.
std::int64_t resting_bytes(const memory::ComponentPlan& plan, std::int64_t onload_bytes) {
  return plan.residency == memory::Residency::resident ? onload_bytes : 0;
}

PlannedComponent describe(const memory::Component& component, const memory::MemoryPlan& plan) {
  PlannedComponent described;
  described.name = component.name();
  described.plan = plan.component(component.name());
  described.parameters = component.module().parameter_count();
  described.stored_bytes = component.stored_bytes();
  described.onload_bytes = component.bytes_in(described.plan.format());
  described.at_rest_bytes = resting_bytes(described.plan, described.onload_bytes);
  return described;
}

}  // namespace

std::int64_t LevelPlan::at_rest_bytes() const {
  const c10::Device computes_on = forecast.plan.transformer.device;
  std::int64_t bytes = 0;
  for (const PlannedComponent& component : components)
    if (component.plan.device == computes_on) bytes += component.at_rest_bytes;
  return bytes;
}

LevelPlanner::Device LevelPlanner::resolve(const EngineOptions& options) {
  Device device = resolve_device(options);
  if (options.profile && options.profile->memory_bytes && !options.sim.capacity_bytes)
    device.capacity_bytes = options.profile->memory_bytes;
  const auto& limit = options.memory.vram_limit;
  if (!limit) return device;
  if (limit->bytes > 0 || device.capacity_bytes)
    device.capacity_bytes = limit->of(device.capacity_bytes.value_or(0));
  return device;
}

LevelPlanner::Device LevelPlanner::resolve_device(const EngineOptions& options) {
  const auto& given = options.sim.capacity_bytes;
  const bool by_profile =
      options.device == "auto" && options.profile && !options.profile->device.empty();
  const std::string& wanted = by_profile ? options.profile->device : options.device;
  if (options.device == "sim") return {"sim", device::configure_sim(options.sim), {}, given};
  Device device;
  if (wanted.starts_with("cuda")) {
    device.computes_on = c10::Device(wanted == "cuda" ? "cuda:0" : wanted);
  } else {
    device.computes_on = device::resolve(wanted);
  }
  device.name = device.computes_on.str();
  device.capacity_bytes = given;
  if (device.computes_on.is_cpu()) {
    if (!given) device.capacity_bytes = device::memory_room(c10::kCPU).total_bytes;
    return device;
  }
  device.planned = planned_device(device.computes_on);
  if (!given && is_at_hand(device.name))
    device.capacity_bytes = device::memory_room(device.computes_on).total_bytes;
  return device;
}

LevelPlanner::LevelPlanner(const EngineOptions& options)
    : options_(options),
      device_(resolve(options)),
      choices_(choices_on(device_.computes_on, options)),
      planner_(open(options, device_.computes_on), device_.planned),
      process_bytes_(process_size(choices_, device_.planned.host_kernels)) {}

memory::MemoryPlan LevelPlanner::plan_of(int level) const {
  return memory::make_plan(at_level(options_.memory, level), choices_);
}

memory::MemoryPlan LevelPlanner::plan_of(int level, const EngineOptions& options) {
  return memory::make_plan(at_level(options.memory, level),
                           choices_on(resolve(options).computes_on, options));
}

LevelPlan LevelPlanner::plan(int level, const Request& request, bool longest_prompts) const {
  const memory::MemoryPlan plan = plan_of(level);
  LevelPlan planned;
  planned.forecast = planner_.forecast(request, plan, longest_prompts);
  for (const memory::Component* component : pipeline().components())
    planned.components.push_back(describe(*component, plan));
  planned.recomputed_share = pipeline().recomputed_share(request, plan);
  if (profile()) planned.least_time = least_time(planned.forecast, *profile());
  if (device_.capacity_bytes) {
    const std::int64_t process = host_computes() ? process_bytes_ : 0;
    planned.fits = planned.forecast.peak_bytes() + process <= *device_.capacity_bytes;
  }
  if (const auto& limit = options_.memory.host_limit) {
    const std::int64_t most = limit->of(device::memory_room(c10::kCPU).total_bytes);
    const bool host_fits = planned.forecast.peak_host_bytes + process_bytes_ <= most;
    planned.fits = planned.fits.value_or(true) && host_fits;
  }
  return planned;
}

}  // namespace chitu::pipelines
