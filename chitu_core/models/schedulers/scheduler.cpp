#include "chitu_core/models/schedulers/scheduler.h"

#include <ATen/ATen.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "chitu_core/common/error.h"
#include "chitu_core/common/expected.h"
#include "chitu_core/common/registry.h"
#include "chitu_core/models/schedulers/foreign_keys.h"

namespace chitu::models {

std::optional<double> Scheduler::mu(std::int64_t) const { return std::nullopt; }

at::Tensor Scheduler::step(const at::Tensor& model_output, std::int64_t index,
                           const at::Tensor& sample) {
  if (index >= step_count() || (index != 0 && index != next_index_))
    throw Error(fmt::format("scheduler step {} of {} called, expected step {}", index, step_count(),
                            next_index_));
  at::Tensor latents = take_step(model_output, index, sample);
  move_to(index + 1);
  return latents;
}

void Scheduler::skip(std::int64_t steps) {
  if (steps < 0 || steps > step_count() - next_index_)
    throw Error(fmt::format("{} steps skipped after {} of {}", steps, next_index_, step_count()));
  move_to(next_index_ + steps);
}

ScheduleMemory Scheduler::memory() const {
  ScheduleMemory memory{.next_index = next_index_};
  remember_steps(memory);
  return memory;
}

void Scheduler::resume(const ScheduleMemory& memory) {
  if (memory.next_index < 0 || memory.next_index > step_count())
    throw InputError(fmt::format("a walk after {} steps cannot go on in a schedule of {}",
                                 memory.next_index, step_count()));
  next_index_ = memory.next_index;
  recall_steps(memory);
}

void Scheduler::move_to(std::int64_t index) {
  next_index_ = index;
  if (next_index_ == step_count()) forget_steps();
}

void Scheduler::start(std::vector<double> timesteps, std::vector<float> sigmas) {
  timesteps_ = std::move(timesteps);
  sigmas_ = std::move(sigmas);
  next_index_ = 0;
}

bool stays_finite(Scheduler& scheduler) {
  const auto finite = [](double number) { return std::isfinite(number); };
  if (!std::ranges::all_of(scheduler.sigmas(), finite) ||
      !std::ranges::all_of(scheduler.timesteps(), finite))
    return false;
  const at::Tensor velocity = at::scalar_tensor(0.5F);
  at::Tensor sample = at::scalar_tensor(1.0F);
  for (std::int64_t i = 0; i < scheduler.step_count(); ++i)
    sample = scheduler.step(velocity, i, sample);
  return finite(sample.item<double>());
}

namespace {

const SchedulerClass& class_named(const std::string& name, const io::JsonObject& config) {
  const auto& classes = Registry<SchedulerClass>::instance();
  if (const SchedulerClass* found = classes.find(name)) return *found;
  config.fail("_class_name", fmt::format("unknown scheduler {}, {}", name,
                                         expected_one_of(name, classes.names())));
}

}  // namespace

SchedulerFactory::SchedulerFactory(const io::JsonObject& config, std::string class_name)
    : class_name_(class_name.empty() ? config.required<std::string>("_class_name")
                                     : std::move(class_name)),
      class_(&class_named(class_name_, config)),
      config_(without_foreign_keys(config, class_->known_keys(), class_name_)) {
  make();  // reports a mistake in the config when the checkpoint is opened, not when it runs
}

std::unique_ptr<Scheduler> SchedulerFactory::make(std::optional<double> flow_shift) const {
  if (flow_shift && !(*flow_shift > 0))
    throw InputError(fmt::format("flow_shift: expected a number above 0, got {}", *flow_shift));
  return class_->make(config_, flow_shift);
}

}  // namespace chitu::models
