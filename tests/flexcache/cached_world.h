#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "chitu_core/common/registry.h"
#include "chitu_core/device/sim.h"
#include "chitu_core/graph/step_decisions.h"
#include "pipelines/engine.h"
#include "pipelines/flexcache/cache_decisions.h"
#include "pipelines/forecast/forecaster.h"
#include "pipelines/model/component_set.h"
#include "tests/pipelines/deep_model.h"
#include "tests/pipelines/tiny_models.h"
#include "tests/support/catch.h"
#include "tests/support/temporary_folder.h"

namespace chitu::pipelines {

/// What a run copied to the device, and what its cache decided.
struct CachedRun final : graph::Observer, graph::StepDecisionObserver {
  void step_decided(const graph::StepDecision& decision) override { decisions.add(decision); }
  void layer_begin(std::string_view component, std::int64_t) override {
    if (component.starts_with("transformer")) ++layers_begun;
  }
  void layer_streamed(std::string_view component,
                      const memory::StreamEvent& event) noexcept override {
    if (component.starts_with("transformer") &&
        event.kind == memory::StreamEvent::Kind::host_to_device)
      streamed_bytes += event.bytes;
  }

  CacheDecisions decisions;
  std::int64_t layers_begun = 0;
  std::int64_t streamed_bytes = 0;
  std::int64_t h2d_bytes = 0, d2h_bytes = 0;
  std::int64_t peak_device_bytes = 0;
};

/// A tiny checkpoint with a transformer of 7 layers.
class DeepModel {
 public:
  explicit DeepModel(const std::string& tiny = "wan-unipc")
      : path_(deep_model(fixtures() / tiny, folder_ / "model")) {}
  const std::filesystem::path& path() const { return path_; }

 private:
  testing::TemporaryFolder folder_;
  std::filesystem::path path_;
};

inline PartialRequest cached_request(const std::string& cache, cache::Params params = {},
                                     std::int64_t steps = 12) {
  PartialRequest request = small_request();
  request.num_inference_steps = steps;
  if (cache.empty()) return request;
  request.flexcache = cache;
  request.flexcache_params = std::move(params);
  return request;
}

/// Caches with parameters that reuse something in 12 steps of a tiny model.
inline std::map<std::string, cache::Params> tiny_params() {
  return {{"teacache", {{"threshold", 2.0}}},
          {"magcache", {{"ratios", std::vector<double>{1, 0.99, 0.98, 0.97, 0.9}}}},
          {"meancache", {{"fresh_steps", 10.0}}},
          {"freecache", {{"warmup", 2.0}, {"cooldown", 1.0}, {"threshold", 5.0}}},
          {"taylorseer", {{"interval", 3.0}, {"order", 2.0}}},
          {"firstblock", {{"threshold", 0.9}}},
          {"blockdance", {{"boundary", 2.0}, {"start", 0.2}}},
          {"pab", {{"warmup", 2.0}, {"cooldown", 1.0}}}};
}

inline CachedRun run_cached(const EngineOptions& options, const PartialRequest& request) {
  Engine engine(options);
  CachedRun seen;
  Engine::RunOptions run;
  run.observers = {&seen};
  const auto before = device::sim_traffic();
  engine.generate(engine.complete(request), {}, run);
  const auto after = device::sim_traffic();
  seen.h2d_bytes = after.h2d_bytes - before.h2d_bytes;
  seen.d2h_bytes = after.d2h_bytes - before.d2h_bytes;
  return seen;
}

/// What the engine would run, dry.
inline Forecast forecast_of(const EngineOptions& options, const PartialRequest& request) {
  const Engine engine(options);
  const ModelFolder folder = ModelFolder::open(options.ckpt_dir, options.files);
  ModelChoices choices;
  choices.device = engine.plan().device;
  choices.for_plan = true;
  choices.loras.list = options.loras;
  choices.attn_type = options.attn_type;
  const Forecaster forecaster(
      Registry<PipelineFamily>::instance().find(folder.class_name)->open(folder, choices), {});
  return forecaster.forecast(engine.complete(request), engine.plan());
}

}  // namespace chitu::pipelines
