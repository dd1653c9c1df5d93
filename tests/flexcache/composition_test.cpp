#include <ATen/ATen.h>
#include <c10/core/InferenceMode.h>

#include <cmath>
#include <functional>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "chitu_core/cache/cache.h"
#include "chitu_core/common/error.h"
#include "chitu_core/parallel/planned_communicator.h"
#include "pipelines/batch/frames_batch.h"
#include "tests/flexcache/cached_world.h"
#include "tests/pipelines/lora_files.h"
#include "tests/support/thread_ranks.h"

// Every cache with everything else that changes how a run goes.

namespace chitu::pipelines {
namespace {

bool decides_at_run_time(const std::string& cache) {
  return Registry<cache::Cache>::instance().at(cache, "cache").decides_at_run_time();
}

TEST_CASE("every registered cache is tried with everything", "[flexcache]") {
  for (const std::string& name : Registry<cache::Cache>::instance().names())
    CHECK(tiny_params().contains(name));
}

/// Same bits at all levels, and bytes that equal the forecast, as far as it knows.
void check_levels(const std::function<EngineOptions(int level)>& options,
                  const PartialRequest& request, const std::vector<int>& levels = {1, 2, 3}) {
  const at::Tensor latents = dumped(options(0), request, "final_latents");
  for (const int level : levels) {
    CAPTURE(level);
    CHECK(at::equal(latents, dumped(options(level), request, "final_latents")));
  }
  const Forecast forecast = forecast_of(options(3), request);
  const CachedRun run = run_cached(options(3), request);
  if (decides_at_run_time(*request.flexcache))
    CHECK(forecast.h2d_bytes >= run.h2d_bytes);
  else
    CHECK(forecast.h2d_bytes == run.h2d_bytes);
  CHECK(run.decisions.computed_layers() + (*request.flexcache == "pab" ? 0 : 1) <=
        run.decisions.all_layers());
}

/// As memory=fp8_disk.
void store_in_float8_on_disk(EngineOptions& options) {
  constexpr auto kFp8 = memory::StateDtype::float8_e4m3fn;
  for (const auto role : {memory::Role::text_encoder, memory::Role::transformer}) {
    memory::ComponentStates& states = options.memory.states[role];
    states.offload = {memory::Place::disk, kFp8};
    states.onload = {memory::Place::disk, kFp8};
    states.preparing = {memory::Place::device, kFp8};
  }
}

TEST_CASE("weights in float8 on disk: cached runs have the same bits at every level",
          "[flexcache]") {
  const DeepModel model;
  const auto options = [&](int level) {
    EngineOptions made = options_for(model.path(), "sim", level);
    store_in_float8_on_disk(made);
    return made;
  };
  for (const auto& [name, params] : tiny_params()) {
    CAPTURE(name);
    const auto request = cached_request(name, params);
    check_levels(options, request);
    CHECK_FALSE(at::equal(dumped(options(3), request, "final_latents"),
                          dumped(options_for(model.path(), "sim", 3), request, "final_latents")));
  }
}

TEST_CASE("a LoRA: cached runs have the same bits at every level, merged or not", "[flexcache]") {
  const testing::TemporaryFolder folder;
  write_lora(folder / "lora.safetensors", random_lora("wan-unipc", 2), LoraSpelling::peft);
  const auto options = [&](int level) {
    EngineOptions made = options_for(fixtures() / "wan-unipc", "sim", level);
    made.loras = {{folder / "lora.safetensors", 0.5}};
    return made;
  };
  for (auto [name, params] : tiny_params()) {
    CAPTURE(name);
    if (name == "blockdance") params["boundary"] = 1.0;  // of two blocks
    auto request = cached_request(name, params);
    check_levels(options, request, {2, 3});
    const at::Tensor latents = dumped(options(3), request, "final_latents");
    EngineOptions without = options(3);
    without.loras.clear();
    CHECK_FALSE(at::equal(latents, dumped(without, request, "final_latents")));
    request.loras = options(3).loras;
    CHECK(at::equal(latents, dumped(without, request, "final_latents")));
  }
}

/// Steps of each transformer, in order: 'c' computed, '.' reused or forecast.
std::map<std::string, std::string> decisions_by_component(const CachedRun& run) {
  std::map<std::string, std::string> found;
  for (const graph::StepDecision& step : run.decisions.steps())
    found[step.component] += step.decision == "compute" ? 'c' : '.';
  return found;
}

TEST_CASE("two experts: every cache begins anew at the boundary, with the same bits at every level",
          "[flexcache]") {
  const auto options = [](int level) {
    return options_for(fixtures() / "wan-two-experts", "sim", level);
  };
  for (auto [name, params] : tiny_params()) {
    CAPTURE(name);
    if (name == "blockdance") params["boundary"] = 1.0;
    const auto request = cached_request(name, params, 24);
    check_levels(options, request, {1, 3});
    const auto decisions = decisions_by_component(run_cached(options(3), request));
    REQUIRE(decisions.size() == 2);
    for (const auto& [component, steps] : decisions) CHECK(steps.front() == 'c');
  }
}

TEST_CASE("two experts: what the first one cached is gone before the second takes a step",
          "[flexcache]") {
  struct Held final : graph::Observer {
    void stage_begin(std::string_view stage) override {
      if (stage.starts_with("denoise")) bytes.push_back(device::memory_use(device).allocated_bytes);
    }
    c10::Device device = device::resolve("sim");
    std::vector<std::int64_t> bytes;
  };
  const auto held_before_stages = [](const PartialRequest& request) {
    Engine engine(options_for(fixtures() / "wan-two-experts", "sim", 3));
    Held held;
    Engine::RunOptions run;
    run.observers = {&held};
    engine.generate(engine.complete(request), {}, run);
    return held.bytes;
  };
  const auto whole = held_before_stages(cached_request(""));
  REQUIRE(whole.size() == 2);
  for (auto [name, params] : tiny_params()) {
    CAPTURE(name);
    if (name == "blockdance") params["boundary"] = 1.0;
    CHECK(held_before_stages(cached_request(name, params)) == whole);
  }
}

std::vector<at::Tensor> frames_together(Engine& engine, const std::vector<PartialRequest>& partial,
                                        std::int64_t size) {
  std::vector<Request> requests;
  for (const auto& request : partial) requests.push_back(engine.complete(request));
  std::vector<at::Tensor> frames(requests.size());
  FramesBatchOptions options;
  options.size = size;
  options.made = [&](std::size_t index, BatchFrames made) {
    if (made.error) std::rethrow_exception(made.error);
    frames[index] = made.frames.frames;
  };
  engine.make_frames_batch(requests, options);
  return frames;
}

TEST_CASE("batches with other caches, other parameters and none beside each other", "[flexcache]") {
  const c10::InferenceMode inference;
  const DeepModel model;
  std::vector<PartialRequest> requests{cached_request(""), cached_request("")};
  for (const auto& [name, params] : tiny_params()) {
    requests.push_back(cached_request(name, params));
    requests.push_back(cached_request(name, params));
    requests.back().seed = 11;
  }
  requests.push_back(cached_request("taylorseer", {{"interval", 2.0}}));
  Engine engine(options_for(model.path(), "sim", GENERATE(0, 3)));
  const auto together = frames_together(engine, requests, 2);
  const auto alone = frames_together(engine, requests, 1);
  for (std::size_t i = 0; i < requests.size(); ++i) {
    CAPTURE(i);
    CHECK(at::equal(together[i], alone[i]));
  }
}

/// The latents that each rank has at the end.
std::vector<at::Tensor> latents_on_ranks(EngineOptions options, const PartialRequest& request,
                                         int cp_size, int cfg_size) {
  std::vector<at::Tensor> latents(static_cast<std::size_t>(cp_size * cfg_size));
  testing::ThreadWorld(cp_size, cfg_size)
      .run([&](const std::shared_ptr<const parallel::Groups>& groups) {
        EngineOptions of_rank = options;
        of_rank.parallel = {.cp_size = cp_size, .cfg_size = cfg_size, .groups = groups};
        const c10::InferenceMode inference;
        const testing::TemporaryFolder folder;
        Engine engine(of_rank);
        Engine::RunOptions run;
        run.dump_tensors = folder / "dump.safetensors";
        engine.make_frames(engine.complete(request), run);
        latents[static_cast<std::size_t>(groups->world->rank())] =
            io::SafetensorsFile(run.dump_tensors).tensor("final_latents").clone();
      });
  return latents;
}

TEST_CASE("ranks with a cache: the video of one process, the same bits at every level",
          "[flexcache]") {
  for (auto [name, params] : tiny_params()) {
    if (name == "firstblock") continue;  // refused
    if (name == "blockdance") params["boundary"] = 1.0;
    const auto request = cached_request(name, params);
    const auto options = [](int level) {
      return options_for(fixtures() / "wan-unipc", "cpu", level);
    };
    const at::Tensor alone = dumped(options(0), request, "final_latents");
    for (const auto& [cp_size, cfg_size] : {std::pair{2, 1}, {1, 2}}) {
      CAPTURE(name, cp_size, cfg_size);
      const auto ranks = latents_on_ranks(options(0), request, cp_size, cfg_size);
      CHECK(at::equal(ranks[0], ranks[1]));
      CHECK((ranks[0] - alone).norm().item<double>() < 1e-3 * alone.norm().item<double>());
      CHECK(at::equal(ranks[0], latents_on_ranks(options(3), request, cp_size, cfg_size)[1]));
    }
  }
}

TEST_CASE("a cache that decides from the states of a layer is refused for ranks, by its name",
          "[flexcache]") {
  for (const auto& [cp_size, cfg_size] : {std::pair{2, 1}, {1, 2}}) {
    EngineOptions options = options_for(fixtures() / "wan-unipc");
    options.parallel.cp_size = cp_size;
    options.parallel.cfg_size = cfg_size;
    options.parallel.groups = parallel::planned_groups(options.parallel);
    const c10::InferenceMode inference;
    Engine engine(options);
    CHECK_THROWS_WITH(
        engine.complete(cached_request("firstblock")),
        "request.flexcache=firstblock: decides from the states of a layer, of which each rank has "
        "a part; expected another cache, or infer.diffusion.cp_size=1 and cfg_size=1");
    CHECK_NOTHROW(engine.complete(cached_request("freecache")));
  }
}

TEST_CASE("sage and a cache: the same bits at every level", "[flexcache]") {
  const DeepModel model;
  const auto options = [&](int level) {
    EngineOptions made = options_for(model.path(), "sim", level);
    made.attn_type = "sage";
    return made;
  };
  for (const std::string name : {"taylorseer", "pab", "firstblock"}) {
    CAPTURE(name);
    check_levels(options, cached_request(name, tiny_params().at(name)));
  }
}

}  // namespace
}  // namespace chitu::pipelines
