#include "tools/chitu/regress/case_run.h"

#include <nlohmann/json.hpp>

#include "pipelines/engine.h"
#include "pipelines/observe/metrics.h"
#include "pipelines/settings/settings.h"
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
  explicit OpenCase(const RegressCase& regress_case)
      : settings(config::read<pipelines::Settings>(regress_case.composition.view())),
        engine(settings.engine_options()),
        request(engine.complete(settings.request)),
        metrics(engine.choose_plan(request).device) {}

  void run(std::vector<graph::Observer*> observers, const std::stop_token& stop) {
    observers.insert(observers.begin(), &metrics);
    pipelines::Engine::RunOptions options;
    options.observers = std::move(observers);
    options.stop = stop;
    engine.generate(request, {}, options);
  }

  pipelines::Settings settings;
  pipelines::Engine engine;
  pipelines::Request request;
  pipelines::Metrics metrics;
};

}  // namespace

CaseOutcome CaseRunner::run(const RegressCase& regress_case) {
  threads_.use(config::read<pipelines::Settings>(regress_case.composition.view()).infer.threads);
  OpenCase open(regress_case);
  KeepFrames kept;
  MemorySamples samples(open.engine.plan().device);
  open.run({&samples, &kept}, stop_);
  auto figures = pipelines::figures_of(open.metrics.report(), regress_case.name);
  return {.frames = kept.frames,
          .digest = *figures.frames,
          .figures = figures,
          .memory = samples.finish("this run"),
          .key = machine_key(open.engine.plan().device)};
}

double CaseRunner::seconds(const RegressCase& regress_case) {
  threads_.use(config::read<pipelines::Settings>(regress_case.composition.view()).infer.threads);
  OpenCase open(regress_case);
  open.run({}, stop_);
  return pipelines::figures_of(open.metrics.report(), regress_case.name).seconds();
}

}  // namespace chitu::tools
