#pragma once

#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "chitu_core/models/schedulers/scheduler.h"
#include "pipelines/model/model_folder.h"
#include "pipelines/model/request.h"

namespace chitu::pipelines {

/// How a family makes the schedule of a request.
struct Scheduling {
  Scheduling(std::shared_ptr<const models::SchedulerFactory> made_by)  // NOLINT: implicit
      : factory(std::move(made_by)) {}
  std::shared_ptr<const models::SchedulerFactory> factory;
  /// What the scheduler gets besides the number of steps; empty = nothing.
  std::function<models::ScheduleOptions(const models::Scheduler&, const Request&)> options{};

  /// A scheduler before its first step.
  ///
  /// throws  InputError as SchedulerFactory::make() and Scheduler::set_timesteps()
  std::unique_ptr<models::Scheduler> start(const Request& request) const;
};

/// The scheduler of a checkpoint, with its config.
///
/// chosen  model.scheduler: a class in place of the checkpoint's; empty = the checkpoint's
/// throws  InputError naming the file or the key for what is missing or not supported
std::shared_ptr<const models::SchedulerFactory> read_scheduler(const ModelFolder& folder,
                                                               const std::string& chosen);

}  // namespace chitu::pipelines
