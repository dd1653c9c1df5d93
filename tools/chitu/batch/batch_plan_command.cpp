#include <fmt/format.h>

#include <ctime>
#include <iostream>
#include <nlohmann/json.hpp>

#include "chitu_core/common/error.h"
#include "chitu_core/device/compute_threads.h"
#include "chitu_core/device/host_allocator.h"
#include "chitu_core/memory/levels.h"
#include "pipelines/batch/batch_forecast.h"
#include "tools/chitu/batch/batch_call.h"
#include "tools/chitu/batch/batch_plan_text.h"
#include "tools/chitu/batch/batch_setup.h"
#include "tools/chitu/engine_command.h"

namespace chitu::tools {
namespace {

/// The levels to plan: the given one; none where the plan is chosen by a limit; else all.
std::vector<std::optional<int>> levels_of(const pipelines::Settings& settings, bool names_level) {
  if (pipelines::chooses_plan(settings.engine_options().memory)) return {std::nullopt};
  if (names_level) return {settings.infer.memory.low_mem_level};
  std::vector<std::optional<int>> levels;
  for (int level = 0; level < memory::kLevels; ++level) levels.emplace_back(level);
  return levels;
}

bool names_level(const config::Composition& composition) {
  const auto level = composition.view().find("infer.diffusion.low_mem_level");
  return level && !level->node().is_null();
}

/// The requests of this shard, complete.
std::vector<pipelines::Request> requests_of(const BatchList& list,
                                            const pipelines::Settings& settings,
                                            const pipelines::Pipeline& pipeline) {
  const Shard shard = shard_of(settings);
  const auto jobs =
      prepare_jobs(list, places_of(settings.batch, list.stem, shard).folder, std::time(nullptr),
                   [&](const auto& partial) { return pipelines::complete(pipeline, partial); });
  std::vector<pipelines::Request> requests;
  for (const PreparedJob& job : jobs)
    if (shard.has(job.index)) requests.push_back(job.request);
  if (requests.empty())
    throw InputError(fmt::format("batch.shard={}: has no job of {}", shard.text(), jobs.size()));
  return requests;
}

BatchPlanReport plan_batch(const BatchPlanCall& call) {
  const pipelines::Settings settings = read_batch_settings(call.list);
  const pipelines::LevelForecaster forecaster(settings.engine_options());
  const auto requests = requests_of(call.list, settings, forecaster.pipeline());
  BatchPlanReport report{
      requests.size(),
      {settings.batch.window, settings.batch.size, settings.batch.spill_limit_bytes()},
      forecaster.device_name(),
      forecaster.host_computes(),
      {}};
  for (const auto level : levels_of(settings, names_level(call.list.composition)))
    report.forecasts.push_back(
        pipelines::forecast_batch(forecaster, level, requests, report.shape));
  return report;
}

class BatchPlanCommand final : public EngineCommandFor<BatchPlanCall> {
  int execute(const BatchPlanCall& call, SessionState&) const override {
    device::reuse_host_memory();
    device::start_compute_threads_or_go_alone();  // a plan computes next to nothing
    const BatchPlanReport report = plan_batch(call);
    std::cout << (call.format == "json" ? to_json(report).dump(1) + "\n" : to_table(report));
    return 0;
  }
};

CHITU_REGISTER(EngineCommand, BatchPlanCommand, BatchPlanCall::kCommand);

}  // namespace
}  // namespace chitu::tools
