#include "pipelines/forecast/forecaster.h"

#include <ATen/ATen.h>
#include <c10/core/InferenceMode.h>

#include <map>
#include <nlohmann/json.hpp>
#include <tuple>

#include "chitu_core/common/error.h"
#include "chitu_core/common/files.h"
#include "chitu_core/common/registry.h"
#include "chitu_core/device/device.h"
#include "chitu_core/device/sim.h"
#include "chitu_core/memory/levels.h"
#include "pipelines/engine.h"
#include "tests/pipelines/deep_model.h"
#include "tests/pipelines/lora_files.h"
#include "tests/pipelines/tiny_models.h"
#include "tests/pipelines/weight_files.h"
#include "tests/support/catch.h"
#include "tests/support/temporary_folder.h"

namespace chitu::pipelines {
namespace {

/// Peaks of every stage as the simulated device counts them.
struct Peaks final : graph::Observer {
  explicit Peaks(c10::Device on) : device(on) {}
  void stage_begin(std::string_view) override { device::reset_peak(device); }
  void stage_end(std::string_view stage) override {
    bytes.emplace_back(stage, device::memory_use(device).peak_bytes);
  }
  c10::Device device;
  std::vector<std::pair<std::string, std::int64_t>> bytes;
};

/// Forecasts what the engine would run.
Forecast forecast_for(const EngineOptions& options, const Engine& engine, const Request& request) {
  const ModelFolder folder = ModelFolder::open(options.ckpt_dir, options.files);
  const c10::Device sim = engine.plan().device;
  const Forecaster forecaster(Registry<PipelineFamily>::instance()
                                  .find(folder.class_name)
                                  ->open(folder, {.attn_type = options.attn_type,
                                                  .device = sim,
                                                  .for_plan = true,
                                                  .loras = {options.loras, options.lora_mode},
                                                  .files = options.files}),
                              {});
  return forecaster.forecast(request, engine.plan());
}

/// Forecasts what the engine would run, runs it, and compares the two.
void check_plan(const EngineOptions& options, const PartialRequest& partial) {
  Engine engine(options);
  const Request request = engine.complete(partial);
  const c10::Device sim = engine.plan().device;
  const Forecast forecast = forecast_for(options, engine, request);

  Peaks peaks(sim);
  const device::SimTraffic before = device::sim_traffic();
  Engine::RunOptions run;
  run.observers = {&peaks};
  engine.generate(request, {}, run);
  const device::SimTraffic after = device::sim_traffic();
  REQUIRE(forecast.stages.size() + 1 == peaks.bytes.size());  // a dry run saves nothing
  for (std::size_t i = 0; i < forecast.stages.size(); ++i) {
    CAPTURE(peaks.bytes[i].first);
    CHECK(forecast.stages[i].use.peak_device == peaks.bytes[i].second);
  }
  CHECK(forecast.h2d_bytes == after.h2d_bytes - before.h2d_bytes);
  CHECK(forecast.d2h_bytes == after.d2h_bytes - before.d2h_bytes);
}

/// The same, and a run that throws fails the test with its whole explanation.
void expect_exact(const EngineOptions& options, const PartialRequest& request) {
  try {
    check_plan(options, request);
  } catch (const std::exception& error) {
    FAIL(explain(error));
  }
}

/// Transformer and text encoder are kept in host memory in float8.
void rest_in_float8(EngineOptions& options) {
  const memory::WeightState rest{memory::Place::cpu, memory::StateDtype::float8_e4m3fn};
  options.memory.states[memory::Role::transformer] = {.offload = rest, .onload = rest};
  options.memory.states[memory::Role::text_encoder] = {.offload = rest, .onload = rest};
}

TEST_CASE("a forecast's peaks and copies equal those of the run, to the byte", "[pipelines][cpu]") {
  EngineOptions options;
  options.ckpt_dir = fixtures() / "wan-unipc";
  options.device = "sim";
  options.memory.low_mem_level = GENERATE(0, 1, 2, 3);
  options.memory.vae_tile_latents = 8;
  CAPTURE(options.memory.low_mem_level);
  auto request = small_request();
  SECTION("as it comes") {}
  const testing::TemporaryFolder folder;
  SECTION("with a LoRA") {
    write_lora(folder / "lora.safetensors", random_lora("wan-unipc", 3), LoraSpelling::peft);
    options.loras = {{folder / "lora.safetensors"}};
    options.dtype = GENERATE("float32", "bfloat16");
    request.width = 144;
  }
  SECTION("with a merged LoRA") {
    write_lora(folder / "lora.safetensors", random_lora("wan-unipc", 3), LoraSpelling::peft);
    options.loras = {{folder / "lora.safetensors"}};
    options.lora_mode = LoraMode::merge;
  }
  const EditedModel edited;
  SECTION("float8 weights with scales") {
    const bool by_rows = GENERATE(false, true);
    for (const std::string component : {"transformer", "text_encoder"}) {
      const ScaledFile scaled(weights_in(edited.path() / component),
                              original_spelling(edited, component), by_rows);
      options.files[component] = folder / (component + ".safetensors");
      io::write_safetensors(options.files[component], scaled.file);
    }
  }
  SECTION("weights of a GGUF file") {
    const std::uint32_t type = GENERATE(8, 12, 14);
    options.dtype = GENERATE("float32", "bfloat16");
    widen_transformer(edited);
    options.ckpt_dir = edited.path();
    options.files = {{"transformer", folder / "transformer.gguf"}};
    write_gguf_weights(options.files["transformer"], weights_in(edited.path() / "transformer"),
                       original_spelling(edited, "transformer"), type);
  }
  SECTION("two experts") {
    options.ckpt_dir = fixtures() / "wan-two-experts";
    request.num_inference_steps = 5;
  }
  SECTION("a first and a last image") {
    options.ckpt_dir = fixtures() / "wan-first-and-last";
    request.image = picture("orientation_6.jpg");
    request.last_image = picture("rgba.png");
    request.width = GENERATE(32, 144);
    request.num_frames = 9;
  }
  SECTION("an image as the first frame") {
    options.ckpt_dir = fixtures() / "wan-timestep-per-token";
    request.image = picture("rgb.png");
    request.width = 144;
  }
  SECTION("larger") {
    request.width = 144;
    request.num_frames = 13;
  }
  SECTION("one frame without guidance") {
    request.num_frames = 1;
    request.guidance_scale = 1;
  }
  SECTION("quantised attention") {
    options.attn_type = "sage";
    options.dtype = GENERATE("float32", "bfloat16");
  }
  SECTION("many steps") { request.num_inference_steps = 9; }
  SECTION("in 16 bit") {
    options.dtype = options.vae_dtype = GENERATE("bfloat16", "float16");
    CAPTURE(options.dtype);
    request.width = 144;  // enough for the pairs of frames and phases of pixels of the convolutions
    request.num_frames = GENERATE(1, 13);
    options.memory.vae_tiling = GENERATE(memory::VaeTiling::exact, memory::VaeTiling::off);
  }
  SECTION("whole frames") { options.memory.vae_tiling = memory::VaeTiling::off; }
  SECTION("blended tiles") {
    options.memory.vae_tiling = memory::VaeTiling::blend;
    request.width = 272;
  }
  SECTION("one guidance branch after the other") { options.memory.guidance_interleave = false; }
  SECTION("the waiting guidance branch on the host") { options.memory.offload_activations = true; }
  SECTION("feed-forward in runs of tokens") { options.memory.activation_chunk = 16; }
  SECTION("layers kept and fetched further ahead") { options.memory.prefetch_blocks = 2; }
  SECTION("resting in host memory, in float8") { rest_in_float8(options); }
  SECTION("the text encoder on the CPU") { options.memory.text_encoder_on_cpu = true; }
  expect_exact(options, request);
}

TEST_CASE("a forecast of a picture of Qwen-Image equals the run, to the byte", "[pipelines]") {
  EngineOptions options;
  options.ckpt_dir = std::filesystem::path(CHITU_TEST_DATA) / "qwen_image/model";
  options.device = "sim";
  options.memory.low_mem_level = GENERATE(0, 1, 2, 3);
  options.memory.vae_tile_latents = 8;
  CAPTURE(options.memory.low_mem_level);
  PartialRequest request;
  request.prompt = "a coffee shop";
  request.negative_prompt = "blurred, very blurred";
  request.width = 160;
  request.height = 96;
  request.num_inference_steps = 3;
  SECTION("as it comes") {}
  SECTION("without guidance, many steps") {
    request.negative_prompt.reset();
    request.num_inference_steps = 9;
  }
  SECTION("in 16 bit") { options.dtype = options.vae_dtype = GENERATE("bfloat16", "float16"); }
  SECTION("whole pictures") { options.memory.vae_tiling = memory::VaeTiling::off; }
  SECTION("one guidance branch after the other") { options.memory.guidance_interleave = false; }
  SECTION("feed-forward in runs of tokens") { options.memory.activation_chunk = 16; }
  SECTION("layers kept and fetched further ahead") { options.memory.prefetch_blocks = 2; }
  SECTION("resting in host memory, in float8") { rest_in_float8(options); }
  SECTION("the text encoder on the CPU") { options.memory.text_encoder_on_cpu = true; }
  expect_exact(options, request);
}

TEST_CASE("a forecast of many layers, most of them counted, equals the run, to the byte",
          "[pipelines]") {
  const testing::TemporaryFolder folder;
  EngineOptions options;
  options.ckpt_dir = deep_model(fixtures() / "wan-unipc", folder / "model");
  options.device = "sim";
  options.memory.low_mem_level = GENERATE(0, 3);
  options.memory.vae_tile_latents = 8;
  auto request = small_request();
  SECTION("as it comes, for many steps") { request.num_inference_steps = 6; }
  SECTION("a clip in many chunks and tiles") {
    request.width = 272;
    request.height = 144;
    request.num_frames = 29;
  }
  SECTION("in blended tiles") {
    options.memory.vae_tiling = memory::VaeTiling::blend;
    request.width = 464;
    request.height = 464;
  }
  SECTION("one guidance branch after the other") { options.memory.guidance_interleave = false; }
  SECTION("the waiting guidance branch on the host") { options.memory.offload_activations = true; }
  SECTION("feed-forward in runs of tokens") { options.memory.activation_chunk = 16; }
  SECTION("layers fetched further ahead") { options.memory.prefetch_blocks = 3; }
  SECTION("resting in host memory, in float8") { rest_in_float8(options); }
  expect_exact(options, request);
}

TEST_CASE("each level lowers the peak of its stage and raises none", "[pipelines]") {
  const auto [width, height, frames] =
      GENERATE(std::tuple(32, 32, 1), std::tuple(64, 64, 9), std::tuple(272, 256, 9),
               std::tuple(832, 480, 81), std::tuple(1280, 720, 17));
  CAPTURE(width, height, frames);
  const auto model = GENERATE("wan-unipc", "demo");
  const c10::Device sim = device::configure_sim({});
  const auto folder = model == std::string("demo")
                          ? std::filesystem::path(CHITU_SOURCE_DIR) / "assets/demo-t2v"
                          : fixtures() / model;
  const Forecaster forecaster(open_pipeline(folder, {.device = sim, .for_plan = true}), {});
  PartialRequest partial = small_request();
  partial.width = width;
  partial.height = height;
  partial.num_frames = frames;
  const Request request = complete(forecaster.pipeline(), partial);
  std::vector<std::map<std::string, std::int64_t>> peaks;
  for (int level = 0; level < memory::kLevels; ++level) {
    memory::MemoryConfig config;
    config.low_mem_level = level;
    const auto forecast = forecaster.forecast(request, memory::make_plan(config, {.device = sim}));
    auto& of_level = peaks.emplace_back();
    for (const StageForecast& stage : forecast.stages) of_level[stage.name] = stage.use.peak_device;
  }
  for (std::size_t level = 1; level < peaks.size(); ++level)
    for (const auto& [stage, bytes] : peaks[level]) {
      CAPTURE(level, stage);
      CHECK(bytes <= peaks[level - 1].at(stage));
    }
  const bool tiled = width > 256 || height > 256;
  CHECK((peaks[1].at("decode_latents") < peaks[0].at("decode_latents")) == tiled);
  CHECK(peaks[2].at("denoise") < peaks[1].at("denoise"));
  CHECK(peaks[3].at("denoise") < peaks[2].at("denoise"));
  CHECK(peaks[3].at("encode_text") < peaks[2].at("encode_text"));
}

TEST_CASE("for a longer clip, tiled decoding holds latents on the device and pictures on the host",
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
  // Latents have 16 channels, the low-resolution part's output has kHidden, in float32.
  constexpr std::int64_t kHidden = 8, kLatentFrames = 10;
  CHECK(longer.peak_device - shorter.peak_device == kLatentFrames * 32 * 32 * (16 + kHidden) * 4);
  CHECK(longer.peak_host - shorter.peak_host == 40 * 256 * 256 * 3);
}

/// Bytes of one branch's hidden states in float32, and the layers that they pass.
struct HiddenStates {
  std::int64_t bytes, layers;
};

HiddenStates hidden_states(const std::filesystem::path& model, const Request& request) {
  const auto config = nlohmann::json::parse(read_file(model / "transformer" / "config.json"));
  const std::vector<std::int64_t> patch = config.at("patch_size");
  const std::int64_t frames = ((request.num_frames - 1) / 4 + 1) / patch[0];
  const std::int64_t tokens =
      frames * (request.height / 8 / patch[1]) * (request.width / 8 / patch[2]);
  const std::int64_t width = config.at("num_attention_heads").get<std::int64_t>() *
                             config.at("attention_head_dim").get<std::int64_t>();
  return {4 * tokens * width, config.at("num_layers")};
}

TEST_CASE("the hidden states of an offloaded guidance branch are not on the device",
          "[pipelines]") {
  const auto model = fixtures() / "wan-unipc";
  const c10::Device sim = device::configure_sim({});
  const Forecaster forecaster(open_pipeline(model, {.device = sim, .for_plan = true}), {});
  PartialRequest partial = small_request();
  partial.width = 144;
  partial.num_frames = 13;
  const auto forecast = [&](bool offload, bool interleave = true) {
    memory::MemoryConfig config;
    config.low_mem_level = 3;
    config.guidance_interleave = interleave;
    config.offload_activations = offload;
    return forecaster.forecast(complete(forecaster.pipeline(), partial),
                               memory::make_plan(config, {.device = sim}));
  };
  const auto denoising = [](const Forecast& planned) { return planned.stages.at(3).use; };
  const Forecast together = forecast(false), offloaded = forecast(true);
  REQUIRE(together.stages[3].name == "denoise");

  const Request request = complete(forecaster.pipeline(), partial);
  const auto [bytes, layers] = hidden_states(model, request);
  CHECK(denoising(together).peak_device - denoising(offloaded).peak_device == bytes);
  CHECK(denoising(offloaded).peak_host <= denoising(together).peak_host + 2 * bytes);
  // The branches change places once per layer: it starts with the one that the last layer ended
  // with. One copy in each direction is left: the branches separate on the host, and return for the
  // model's head.
  const std::int64_t copied = request.num_inference_steps * (layers + 1) * bytes;
  CHECK(offloaded.h2d_bytes - together.h2d_bytes == copied);
  CHECK(offloaded.d2h_bytes - together.d2h_bytes == copied);

  CHECK(forecast(true, false).h2d_bytes == forecast(false, false).h2d_bytes);
  partial.guidance_scale = 1;
  CHECK(forecast(true).h2d_bytes == forecast(false).h2d_bytes);
  CHECK(denoising(forecast(true)).peak_device == denoising(forecast(false)).peak_device);
}

}  // namespace
}  // namespace chitu::pipelines
