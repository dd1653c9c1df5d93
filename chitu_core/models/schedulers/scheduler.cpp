#include "chitu_core/models/schedulers/scheduler.h"

#include <fmt/format.h>

#include <utility>

#include "chitu_core/common/error.h"
#include "chitu_core/common/nearest.h"
#include "chitu_core/common/registry.h"

namespace chitu::models {

std::optional<double> Scheduler::mu(std::int64_t) const { return std::nullopt; }

void Scheduler::check_order(std::int64_t index) {
  if (index >= step_count() || (index != 0 && index != next_index_))
    throw Error(fmt::format("scheduler step {} of {} called, expected step {}", index, step_count(),
                            next_index_));
  next_index_ = index + 1;
}

void Scheduler::start(std::vector<double> timesteps, std::vector<float> sigmas) {
  timesteps_ = std::move(timesteps);
  sigmas_ = std::move(sigmas);
  next_index_ = 0;
}

std::shared_ptr<const SchedulerFactory> SchedulerFactory::read(const std::filesystem::path& path) {
  return std::make_shared<const SchedulerFactory>(io::JsonObject::read(path));
}

SchedulerFactory::SchedulerFactory(io::JsonObject config)
    : config_(std::move(config)),
      class_name_(config_.required<std::string>("_class_name")),
      class_(Registry<SchedulerClass>::instance().find(class_name_)) {
  if (!class_)
    config_.fail("_class_name", fmt::format("unknown scheduler {}, expected one of {}", class_name_,
                                            join(Registry<SchedulerClass>::instance().names())));
  make();  // a mistake in the config shows when the checkpoint is opened, not when it is run
}

std::unique_ptr<Scheduler> SchedulerFactory::make(std::optional<double> flow_shift) const {
  if (flow_shift && !(*flow_shift > 0))
    throw InputError(fmt::format("flow_shift: expected a number above 0, got {}", *flow_shift));
  return class_->make(config_, flow_shift);
}

}  // namespace chitu::models
