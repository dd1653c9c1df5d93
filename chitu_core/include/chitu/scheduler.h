#pragma once

#include "chitu_core/common/registry.h"
#include "chitu_core/io/json.h"
#include "chitu_core/models/schedulers/scheduler.h"

namespace chitu {

/// A scheduler: walks from noise to clean latents. Register its class with
///
///     CHITU_REGISTER(chitu::SchedulerClass, EulerClass, "MyEulerScheduler");
///
/// and choose it with model.scheduler=MyEulerScheduler, EngineOptions::scheduler, or as the
/// scheduler that a checkpoint's model_index.json names.
using models::Scheduler;
using models::SchedulerClass;

using io::JsonObject;
using models::ScheduleOptions;

}  // namespace chitu
