#include "tools/chitu/batch/batch_setup.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <vector>

#include "chitu_core/common/bytes.h"
#include "chitu_core/common/error.h"
#include "pipelines/batch/batch_forecast.h"

namespace chitu::tools {
namespace {

void refuse_debug(const pipelines::DebugSettings& debug) {
  if (debug.dump_tensors)
    throw InputError("debug.dump_tensors: a batch dumps no tensors, expected null");
  if (debug.profile) throw InputError("debug.profile: a batch is not profiled, expected false");
}

/// The request with what decides its memory alone.
pipelines::Request shape_of(pipelines::Request request) {
  request.prompt.clear();
  if (request.negative_prompt) request.negative_prompt->clear();
  request.seed = 0;
  return request;
}

}  // namespace

pipelines::Settings read_batch_settings(const BatchList& list) {
  config::Node config = list.composition.config;
  *config.find("request") = list.jobs.front().request;
  *config.find("output") = list.jobs.front().output;
  auto settings = config::read<pipelines::Settings>(config::View(config, &list.composition.root));
  refuse_debug(settings.debug);
  return settings;
}

Shard shard_of(const pipelines::Settings& settings) {
  if (settings.batch.shard) return parse_shard(*settings.batch.shard);
  const auto environment = [](const std::string& name) -> std::optional<std::string> {
    const char* value = std::getenv(name.c_str());
    return value ? std::optional<std::string>(value) : std::nullopt;
  };
  return environment_shard(environment, settings.infer.parallel.options().world_size());
}

BatchPlaces places_of(const pipelines::BatchSettings& settings, const std::string& stem,
                      const Shard& shard) {
  BatchPlaces places{settings.folder(stem), {}};
  if (!shard.is_whole()) places.folder /= shard.folder_name();
  places.spill = settings.spill_folder(places.folder);
  return places;
}

void check_job_plans(pipelines::Engine& engine, std::span<const PreparedJob* const> jobs) {
  std::vector<pipelines::Request> planned;
  for (const PreparedJob* job : jobs) {
    const pipelines::Request shape = shape_of(job->request);
    if (std::find(planned.begin(), planned.end(), shape) != planned.end()) continue;
    planned.push_back(shape);
    try {
      engine.choose_plan(job->request);
    } catch (const OutOfMemoryError& error) {
      throw OutOfMemoryError(title_of(*job) + ": " + error.what());
    }
  }
}

void check_spill_limit(const pipelines::Settings& settings,
                       std::span<const PreparedJob* const> jobs) {
  const std::int64_t limit = settings.batch.spill_limit_bytes();
  if (!settings.batch.spill_limit || jobs.empty()) return;
  const pipelines::LevelForecaster forecaster(settings.engine_options());
  const auto& memory = settings.infer.memory;
  const auto level = pipelines::chooses_plan(memory)
                         ? std::nullopt
                         : std::optional<int>(memory.low_mem_level.value_or(0));
  std::vector<pipelines::Request> requests;
  for (const PreparedJob* job : jobs) requests.push_back(job->request);
  const auto forecast = forecast_batch(forecaster, level, requests,
                                       {settings.batch.window, settings.batch.size, limit});
  if (forecast.spill_bytes <= limit) return;
  throw InputError(fmt::format(
      "batch.spill_limit={}: what waits between the stages of {} jobs takes up to {}; expected as "
      "much or more{}",
      format_bytes(limit), std::min<std::size_t>(settings.batch.window, jobs.size()),
      format_bytes_up(forecast.spill_bytes),
      forecast.largest_window > 0 ? fmt::format(", or batch.window={}", forecast.largest_window)
                                  : ""));
}

}  // namespace chitu::tools
