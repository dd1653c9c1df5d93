#include <ATen/ATen.h>
#include <c10/core/InferenceMode.h>

#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "chitu_core/cache/cache.h"
#include "chitu_core/common/error.h"
#include "chitu_core/device/device.h"
#include "pipelines/batch/frames_batch.h"
#include "tests/flexcache/cached_world.h"

namespace chitu::pipelines {
namespace {

bool decides_at_run_time(const std::string& cache) {
  return Registry<cache::Cache>::instance().at(cache, "cache").decides_at_run_time();
}

TEST_CASE("with a cache the latents have the same bits at every level and in every run",
          "[flexcache]") {
  const DeepModel model;
  for (const auto& [name, params] : tiny_params()) {
    CAPTURE(name);
    const auto request = cached_request(name, params);
    const at::Tensor latents =
        dumped(options_for(model.path(), "cpu", 0), request, "final_latents");
    CHECK(
        at::equal(latents, dumped(options_for(model.path(), "cpu", 0), request, "final_latents")));
    for (const int level : {0, 1, 2, 3})
      CHECK(at::equal(latents,
                      dumped(options_for(model.path(), "sim", level), request, "final_latents")));
    const at::Tensor uncached =
        dumped(options_for(model.path(), "cpu", 0), cached_request(""), "final_latents");
    CHECK_FALSE(at::equal(latents, uncached));
    CHECK(latents.sub(uncached).norm().item<double>() < uncached.norm().item<double>());
  }
}

/// A way to run the same request.
struct Variation {
  const char* name;
  std::function<void(EngineOptions&, PartialRequest&)> apply;
};

const std::vector<Variation>& variations() {
  static const std::vector<Variation> all{
      {"as it comes", [](EngineOptions&, PartialRequest&) {}},
      {"one branch after the other",
       [](EngineOptions& options, PartialRequest&) { options.memory.guidance_interleave = false; }},
      {"the waiting branch offloaded",
       [](EngineOptions& options, PartialRequest&) { options.memory.offload_activations = true; }},
      {"what is reused in host memory", [](EngineOptions&, PartialRequest& request) {
         if (!request.flexcache_params) request.flexcache_params.emplace();
         (*request.flexcache_params)["offload"] = true;
       }}};
  return all;
}

TEST_CASE("options of memory change no bit of a cached run", "[flexcache]") {
  const DeepModel model;
  for (const auto& [name, params] : tiny_params()) {
    const at::Tensor latents =
        dumped(options_for(model.path(), "sim", 3), cached_request(name, params), "final_latents");
    for (const Variation& variation : variations()) {
      CAPTURE(name, variation.name);
      EngineOptions options = options_for(model.path(), "sim", 3);
      auto request = cached_request(name, params);
      variation.apply(options, request);
      CHECK(at::equal(latents, dumped(options, request, "final_latents")));
    }
  }
}

void check_forecast(const EngineOptions& options, const PartialRequest& request) {
  const Forecast forecast = forecast_of(options, request);
  const CachedRun run = run_cached(options, request);
  if (decides_at_run_time(*request.flexcache)) {  // the forecast is the most that is computed
    CHECK(forecast.h2d_bytes >= run.h2d_bytes);
    CHECK(forecast.decisions().all_layers() == forecast.decisions().computed_layers());
    CHECK(run.decisions.computed_layers() < run.decisions.all_layers());
    return;
  }
  CHECK(forecast.h2d_bytes == run.h2d_bytes);
  CHECK(forecast.d2h_bytes == run.d2h_bytes);
  CHECK(to_json(forecast.decisions()) == to_json(run.decisions));
}

TEST_CASE("a forecast of a cached run equals the run, to the byte", "[flexcache]") {
  const DeepModel model;
  const int level = GENERATE(0, 1, 2, 3);
  for (const auto& [name, params] : tiny_params())
    for (const Variation& variation : variations()) {
      CAPTURE(level, name, variation.name);
      EngineOptions options = options_for(model.path(), "sim", level);
      auto request = cached_request(name, params);
      variation.apply(options, request);
      check_forecast(options, request);
    }
}

TEST_CASE("at level 3 the bytes of layers fall by exactly the share of layers that are skipped",
          "[flexcache]") {
  const DeepModel model;
  const EngineOptions options = options_for(model.path(), "sim", 3);
  const CachedRun whole = run_cached(options, cached_request(""));
  REQUIRE(whole.streamed_bytes > 0);
  CHECK(whole.decisions.empty());
  for (const auto& [name, params] : tiny_params()) {
    CAPTURE(name);
    const CachedRun cached = run_cached(options, cached_request(name, params));
    const auto& decisions = cached.decisions;
    CHECK(cached.layers_begun == decisions.computed_layers());
    CHECK(whole.layers_begun == decisions.all_layers());
    CHECK(cached.streamed_bytes * decisions.all_layers() ==
          whole.streamed_bytes * decisions.computed_layers());
    if (name != "pab") CHECK(cached.streamed_bytes < whole.streamed_bytes);
  }
}

TEST_CASE("peaks of a cached run equal its forecast", "[flexcache]") {
  struct Peaks final : graph::Observer {
    void stage_begin(std::string_view) override { device::reset_peak(device); }
    void stage_end(std::string_view) override {
      bytes.push_back(device::memory_use(device).peak_bytes);
    }
    c10::Device device = device::resolve("sim");
    std::vector<std::int64_t> bytes;
  };
  const DeepModel model;
  EngineOptions options = options_for(model.path(), "sim", GENERATE(0, 3));
  for (const auto& [name, params] : tiny_params()) {
    CAPTURE(name, options.memory.low_mem_level);
    const auto request = cached_request(name, params);
    const Forecast forecast = forecast_of(options, request);
    Peaks peaks;
    Engine engine(options);
    Engine::RunOptions run;
    run.observers = {&peaks};
    engine.generate(engine.complete(request), {}, run);
    REQUIRE(forecast.stages.size() + 1 == peaks.bytes.size());
    for (std::size_t i = 0; i < forecast.stages.size(); ++i)
      if (decides_at_run_time(name))
        CHECK(forecast.stages[i].use.peak_device >= peaks.bytes[i]);
      else
        CHECK(forecast.stages[i].use.peak_device == peaks.bytes[i]);
  }
}

TEST_CASE("each expert starts with an empty cache", "[flexcache]") {
  EngineOptions options = options_for(fixtures() / "wan-two-experts", "sim", 3);
  const CachedRun run = run_cached(options, cached_request("taylorseer", {{"interval", 2.0}}, 8));
  std::map<std::string, std::string> first;
  const auto decisions = to_json(run.decisions);
  for (const auto& step : decisions.at("steps"))
    first.try_emplace(step.at("component"), step.at("decision"));
  CHECK(first == std::map<std::string, std::string>{{"transformer", "compute"},
                                                    {"transformer_2", "compute"}});
  CHECK(run.decisions.computed_layers() < run.decisions.all_layers());
}

TEST_CASE("state is gone between requests", "[flexcache]") {
  const DeepModel model;
  const c10::InferenceMode inference;
  Engine engine(options_for(model.path(), "sim", 1));
  const auto latents = [&] {
    const testing::TemporaryFolder folder;
    Engine::RunOptions run;
    run.dump_tensors = folder / "dump.safetensors";
    engine.generate(engine.complete(cached_request("taylorseer")), {}, run);
    return io::SafetensorsFile(run.dump_tensors).tensor("final_latents").clone();
  };
  const at::Tensor first = latents();
  CHECK(at::equal(first, latents()));
}

/// Frames of requests that go together, in their order.
std::vector<at::Tensor> frames_together(Engine& engine,
                                        const std::vector<PartialRequest>& partial) {
  std::vector<Request> requests;
  for (const auto& request : partial) requests.push_back(engine.complete(request));
  std::vector<at::Tensor> frames(requests.size());
  FramesBatchOptions options;
  options.size = std::ssize(requests);
  options.made = [&](std::size_t index, BatchFrames made) {
    if (made.error) std::rethrow_exception(made.error);
    frames[index] = made.frames.frames;
  };
  engine.make_frames_batch(requests, options);
  return frames;
}

TEST_CASE("requests of a batch have the frames that they have alone", "[flexcache]") {
  const c10::InferenceMode inference;
  const DeepModel model;
  for (const auto& [name, params] : tiny_params()) {
    CAPTURE(name);
    auto first = cached_request(name, params), second = first;
    second.seed = 11;
    Engine engine(options_for(model.path(), "sim", 3));
    const auto together = frames_together(engine, {first, second});
    CHECK(at::equal(together[0], frames_together(engine, {first})[0]));
    CHECK(at::equal(together[1], frames_together(engine, {second})[0]));
  }
}

TEST_CASE("caches of Qwen-Image: the same bits at every level, and exact forecasts",
          "[flexcache]") {
  const auto model = std::filesystem::path(CHITU_TEST_DATA) / "qwen_image" / "model";
  for (const std::string name : {"meancache", "taylorseer", "blockdance", "firstblock"}) {
    CAPTURE(name);
    auto request = cached_request(name, tiny_params().at(name));
    if (name == "blockdance") (*request.flexcache_params)["boundary"] = 1.0;
    request.num_frames = 1;
    const at::Tensor latents = dumped(options_for(model, "cpu", 0), request, "final_latents");
    CHECK(at::equal(latents, dumped(options_for(model, "sim", 3), request, "final_latents")));
    const Forecast forecast = forecast_of(options_for(model, "sim", 3), request);
    const CachedRun run = run_cached(options_for(model, "sim", 3), request);
    if (name != "firstblock") CHECK(forecast.h2d_bytes == run.h2d_bytes);
    CHECK(run.decisions.computed_layers() < run.decisions.all_layers());
  }
}

}  // namespace
}  // namespace chitu::pipelines
