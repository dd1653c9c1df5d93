#include "pipelines/stages/scheduling.h"

#include <fmt/format.h>

#include <algorithm>

#include "chitu_core/common/error.h"
#include "chitu_core/common/expected.h"
#include "chitu_core/common/registry.h"

namespace chitu::pipelines {

std::unique_ptr<models::Scheduler> Scheduling::start(const Request& request) const {
  auto schedule = factory->make(request.flow_shift);
  schedule->set_timesteps(request.num_inference_steps,
                          options ? options(*schedule, request) : models::ScheduleOptions());
  return schedule;
}

std::shared_ptr<const models::SchedulerFactory> read_scheduler(const ModelFolder& folder,
                                                               const std::string& chosen) {
  const auto registered = Registry<models::SchedulerClass>::instance().names();
  auto accepted = registered;
  if (!chosen.empty()) {
    if (std::ranges::find(registered, chosen) == registered.end())
      throw InputError(fmt::format("model.scheduler={}: unknown scheduler, {}", chosen,
                                   expected_one_of(chosen, registered)));
    // The checkpoint's own class only gives its config.
    if (folder.has("scheduler")) accepted.push_back(folder.components.at("scheduler").name);
  }
  folder.component("scheduler", "diffusers", accepted);
  return std::make_shared<const models::SchedulerFactory>(
      folder.config("scheduler", "scheduler_config.json"),
      chosen.empty() ? folder.components.at("scheduler").name : chosen);
}

}  // namespace chitu::pipelines
