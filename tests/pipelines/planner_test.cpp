#include "pipelines/planner.h"

#include <ATen/ATen.h>
#include <c10/core/InferenceMode.h>

#include "chitu_core/common/error.h"
#include "chitu_core/common/registry.h"
#include "chitu_core/device/device.h"
#include "chitu_core/device/sim.h"
#include "pipelines/engine.h"
#include "tests/pipelines/tiny_models.h"
#include "tests/support/catch.h"

namespace chitu::pipelines {
namespace {

/// Peaks of every stage as the simulated device counts them.
struct Peaks final : pipeline::Observer {
  explicit Peaks(c10::Device on) : device(on) {}
  void stage_begin(std::string_view) override { device::reset_peak(device); }
  void stage_end(std::string_view stage) override {
    bytes.emplace_back(stage, device::memory_use(device).peak_bytes);
  }
  c10::Device device;
  std::vector<std::pair<std::string, std::int64_t>> bytes;
};

/// Plans what the engine would run.
Forecast forecast_for(const EngineOptions& options, const Engine& engine, const Request& request) {
  const ModelFolder folder = ModelFolder::open(options.ckpt_dir);
  const c10::Device sim = engine.plan().transformer.device;
  const Planner planner(Registry<PipelineFamily>::instance()
                            .find(folder.class_name)
                            ->open(folder, {.device = sim, .for_plan = true}),
                        {});
  return planner.forecast(request, engine.plan());
}

/// Plans what the engine would run, runs it, and compares the two.
void check_plan(const EngineOptions& options, const PartialRequest& partial) {
  Engine engine(options);
  const Request request = engine.complete(partial);
  const c10::Device sim = engine.plan().transformer.device;
  const Forecast forecast = forecast_for(options, engine, request);

  Peaks peaks(sim);
  const device::SimTraffic before = device::sim_traffic();
  Engine::RunOptions run;
  run.observers = {&peaks};
  engine.generate(request, {}, run);
  const device::SimTraffic after = device::sim_traffic();
  REQUIRE(forecast.stages.size() + 1 == peaks.bytes.size());  // nothing is saved in a plan
  for (std::size_t i = 0; i < forecast.stages.size(); ++i) {
    CAPTURE(peaks.bytes[i].first);
    CHECK(forecast.stages[i].use.peak_device == peaks.bytes[i].second);
  }
  CHECK(forecast.h2d_bytes == after.h2d_bytes - before.h2d_bytes);
  CHECK(forecast.d2h_bytes == after.d2h_bytes - before.d2h_bytes);
}

TEST_CASE("a plan's peaks and copies are those of the run, to the byte", "[pipelines]") {
  EngineOptions options;
  options.ckpt_dir = fixtures() / "wan-unipc";
  options.device = "sim";
  options.memory.low_mem_level = GENERATE(0, 1, 2, 3);
  options.memory.vae_tile_latents = 8;
  CAPTURE(options.memory.low_mem_level);
  auto request = small_request();
  SECTION("as it comes") {}
  SECTION("larger") {
    request.width = 144;
    request.num_frames = 13;
  }
  SECTION("one frame without guidance") {
    request.num_frames = 1;
    request.guidance_scale = 1;
  }
  SECTION("many steps") { request.num_inference_steps = 9; }
  SECTION("in 16 bit") { options.dtype = options.vae_dtype = "bfloat16"; }
  SECTION("whole frames") { options.memory.vae_tiling = memory::VaeTiling::off; }
  SECTION("blended tiles") {
    options.memory.vae_tiling = memory::VaeTiling::blend;
    request.width = 272;
  }
  SECTION("one guidance branch after the other") { options.memory.guidance_interleave = false; }
  SECTION("feed-forward in runs of tokens") { options.memory.activation_chunk = 16; }
  SECTION("layers kept and fetched further ahead") { options.memory.prefetch_blocks = 2; }
  SECTION("resting in host memory, in float8") {
    const memory::WeightState rest{memory::Place::cpu, memory::StateDtype::float8_e4m3fn};
    options.memory.transformer = {.offload = rest, .onload = rest};
    options.memory.text_encoder = {.offload = rest, .onload = rest};
  }
  SECTION("the text encoder on the CPU") { options.memory.text_encoder_on_cpu = true; }
  try {
    check_plan(options, request);
  } catch (const std::exception& error) {
    FAIL(explain(error));
  }
}

TEST_CASE("of a longer clip, tiled decoding holds latents on the device, pictures on the host",
          "[pipelines]") {
  EngineOptions options;
  options.ckpt_dir = fixtures() / "wan-unipc";
  options.device = "sim";
  options.memory.vae_tiling = memory::VaeTiling::exact;
  options.memory.vae_tile_latents = 8;
  const Engine engine(options);
  auto request = small_request();
  request.width = request.height = 256;
  const auto decode_of = [&](int frames) {
    request.num_frames = frames;
    const Forecast forecast = forecast_for(options, engine, engine.complete(request));
    REQUIRE(forecast.stages.back().name == "decode_latents");
    return forecast.stages.back().use;
  };
  const auto shorter = decode_of(81), longer = decode_of(121);
  // Latents have 16 channels, what the low-resolution part makes of them kHidden, in float32.
  constexpr std::int64_t kHidden = 8, kLatentFrames = 10;
  CHECK(longer.peak_device - shorter.peak_device == kLatentFrames * 32 * 32 * (16 + kHidden) * 4);
  CHECK(longer.peak_host - shorter.peak_host == 40 * 256 * 256 * 3);
}

}  // namespace
}  // namespace chitu::pipelines
