#include "tools/chitu/regress/case_run.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <optional>

#include "chitu_core/parallel/ranks.h"
#include "pipelines/engine.h"
#include "pipelines/observe/metrics.h"
#include "pipelines/settings/settings.h"
#include "tools/chitu/rank_session.h"
#include "tools/chitu/regress/memory_samples.h"

namespace chitu::tools {
namespace {

/// Keeps the frames of a run.
struct KeepFrames final : graph::Observer, graph::FramesObserver {
  void frames_made(const at::Tensor& made) override { frames = made; }
  at::Tensor frames;
};

/// An engine for one run of a case.
struct OpenCase {
  OpenCase(const RegressCase& regress_case, parallel::Ranks* ranks)
      : settings(config::read<pipelines::Settings>(regress_case.composition.view())),
        engine(options_of_rank(settings, ranks)),
        request(engine.complete(settings.request)),
        metrics(engine.choose_plan(request).device) {
    if (ranks) news.emplace(*ranks);
    agree_on_work(ranks, engine, request);
  }

  void run(std::vector<graph::Observer*> observers, const std::stop_token& stop) {
    observers.insert(observers.begin(), &metrics);
    if (news) observers.push_back(&*news);
    pipelines::Engine::RunOptions options;
    options.observers = std::move(observers);
    options.stop = stop;
    engine.generate(request, {}, options);
  }

  pipelines::Settings settings;
  pipelines::Engine engine;
  pipelines::Request request;
  pipelines::Metrics metrics;
  std::optional<StageNews> news{};
};

/// How ranks shared a run, as a record names it; empty for one process.
std::string ranks_text(const parallel::ParallelOptions& options) {
  if (options.world_size() == 1) return "";
  return fmt::format("cp_size {}, cfg_size {}, up {}, {}", options.cp_size, options.cfg_size,
                     options.up == 0 ? "null" : std::to_string(options.up), options.backend);
}

}  // namespace

void CaseRunner::use_threads(const RegressCase& regress_case) {
  threads_.use(config::read<pipelines::Settings>(regress_case.composition.view()).infer.threads,
               ranks_ ? ranks_->launch().local_size.value_or(1) : 1);
}

CaseOutcome CaseRunner::run(const RegressCase& regress_case) {
  use_threads(regress_case);
  OpenCase open(regress_case, ranks_);
  KeepFrames kept;
  MemorySamples samples(open.engine.plan().device);
  open.run({&samples, &kept}, stop_);
  auto figures = pipelines::figures_of(open.metrics.report(), regress_case.name);
  return {.frames = kept.frames,
          .digest = *figures.frames,
          .figures = figures,
          .memory = samples.finish("this run"),
          .key = machine_key(open.engine.plan().device,
                             ranks_text(open.settings.infer.parallel.options()))};
}

double CaseRunner::seconds(const RegressCase& regress_case) {
  use_threads(regress_case);
  OpenCase open(regress_case, ranks_);
  open.run({}, stop_);
  return pipelines::figures_of(open.metrics.report(), regress_case.name).seconds();
}

}  // namespace chitu::tools
