#include "pipelines/engine.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <c10/core/InferenceMode.h>

#include "chitu_core/common/error.h"
#include "chitu_core/common/registry.h"
#include "chitu_core/device/device.h"
#include "chitu_core/device/sim.h"
#include "chitu_core/io/safetensors.h"
#include "tests/pipelines/tiny_models.h"
#include "tests/support/catch.h"
#include "tests/support/temporary_folder.h"

namespace chitu::pipelines {
namespace {

using Catch::ContainsSubstring;

struct Recorder final : graph::Observer {
  void stage_begin(std::string_view stage) override { stages.emplace_back(stage); }
  void step_begin(int index, int) override {
    if (index == stop_at) source.request_stop();
  }
  void step_end(int, int) override { ++steps; }
  void component_onloaded(std::string_view name, std::int64_t) override {
    onloaded.emplace_back(name);
  }
  void component_offloaded(std::string_view name) override { offloaded.emplace_back(name); }
  std::vector<std::string> stages, onloaded, offloaded;
  std::stop_source source;
  int stop_at = -1;
  int steps = 0;
};

at::Tensor final_latents(Engine& engine, const PartialRequest& request) {
  const c10::InferenceMode inference;
  const testing::TemporaryFolder folder;
  Engine::RunOptions options;
  options.dump_tensors = folder / "dump.safetensors";
  engine.generate(engine.complete(request), {}, options);
  return io::SafetensorsFile(options.dump_tensors).tensor("final_latents").clone();
}

TEST_CASE("families are registered under the classes that checkpoints name", "[pipelines]") {
  CHECK(Registry<PipelineFamily>::instance().names() ==
        std::vector<std::string>{"QwenImagePipeline", "WanImageToVideoPipeline", "WanPipeline"});
}

TEST_CASE("stages run in their order, and each component is loaded once", "[pipelines]") {
  Engine engine = open_engine("wan-unipc");
  Recorder recorder;
  Engine::RunOptions options;
  options.observers = {&recorder};
  engine.generate(engine.complete(small_request()), {}, options);
  CHECK(recorder.stages == std::vector<std::string>{"tokenize", "encode_text", "prepare_latents",
                                                    "denoise", "decode_latents", "save"});
  CHECK(recorder.onloaded == std::vector<std::string>{"text_encoder", "transformer", "vae"});
  CHECK(recorder.steps == 2);
  engine.generate(engine.complete(small_request()), {}, options);
  CHECK(recorder.onloaded.size() == 3);  // level 0 keeps them
}

TEST_CASE("a request gives the same bits again, in another engine, on more threads",
          "[pipelines]") {
  Engine engine = open_engine("wan-unipc");
  const at::Tensor first = final_latents(engine, small_request());
  CHECK(at::equal(first, final_latents(engine, small_request())));
  Engine other = open_engine("wan-unipc");
  CHECK(at::equal(first, final_latents(other, small_request())));
  auto changed = small_request();
  changed.seed = 4;
  CHECK_FALSE(at::equal(first, final_latents(engine, changed)));
}

TEST_CASE("an engine computes with the threads of the process and sets none", "[pipelines]") {
  const int threads = at::get_num_threads();
  const int other = threads == 1 ? 2 : 1;
  at::set_num_threads(other);
  Engine engine = open_engine("wan-unipc");
  CHECK(at::get_num_threads() == other);
  final_latents(engine, small_request());
  CHECK(at::get_num_threads() == other);
  at::set_num_threads(threads);
}

TEST_CASE("low_mem_level changes no bit of the latents, and pixels only by rounding",
          "[pipelines]") {
  const c10::InferenceMode inference;
  const testing::TemporaryFolder folder;
  const auto dump_of = [&](int level) {
    EngineOptions options;
    options.ckpt_dir = fixtures() / "wan-unipc";
    options.device = "cpu";
    options.memory.low_mem_level = level;
    Engine engine(options);
    Engine::RunOptions run;
    run.dump_tensors = folder / ("level" + std::to_string(level));
    auto request = small_request();
    request.width = 272;  // more than one tile, the last one narrow
    engine.generate(engine.complete(request), {}, run);
    return io::SafetensorsFile(run.dump_tensors);
  };
  const auto plain = dump_of(0);
  for (const int level : {1, 2, 3}) {
    CAPTURE(level);
    const auto other = dump_of(level);
    CHECK(at::equal(plain.tensor("final_latents"), other.tensor("final_latents")));
    CHECK(at::equal(plain.tensor("prompt_embeds"), other.tensor("prompt_embeds")));
    const at::Tensor error = plain.tensor("decoded") - other.tensor("decoded");
    CHECK(error.abs().max().item<double>() < 1e-5);
  }
}

TEST_CASE("an offloaded text encoder is freed before the transformer is loaded", "[pipelines]") {
  EngineOptions options;
  options.ckpt_dir = fixtures() / "wan-unipc";
  options.device = "cpu";
  options.memory.low_mem_level = 2;
  Engine engine(options);
  struct Order final : graph::Observer {
    void component_onloaded(std::string_view name, std::int64_t) override {
      log.push_back("+" + std::string(name));
    }
    void component_offloaded(std::string_view name) override {
      log.push_back("-" + std::string(name));
    }
    std::vector<std::string> log;
  } order;
  Engine::RunOptions run;
  run.observers = {&order};
  engine.generate(engine.complete(small_request()), {}, run);
  CHECK(order.log ==
        std::vector<std::string>{"+text_encoder", "-text_encoder", "+transformer", "+vae"});
}

TEST_CASE("at level 3 only the weights outside the layers and two layers are on the device",
          "[pipelines]") {
  EngineOptions options;
  options.ckpt_dir = fixtures() / "wan-unipc";
  options.device = "cpu";
  options.memory.low_mem_level = 3;
  Engine engine(options);
  struct Bytes final : graph::Observer {
    void component_onloaded(std::string_view name, std::int64_t bytes) override {
      onloaded[std::string(name)] = bytes;
    }
    void component_offloaded(std::string_view name) override { gone.emplace_back(name); }
    std::map<std::string, std::int64_t> onloaded;
    std::vector<std::string> gone;
  } bytes;
  Engine::RunOptions run;
  run.observers = {&bytes};
  engine.generate(engine.complete(small_request()), {}, run);
  CHECK(bytes.gone == std::vector<std::string>{"text_encoder", "transformer", "vae"});
  for (const memory::Component* component : engine.components())
    if (component->name() != "vae")
      CHECK(bytes.onloaded.at(component->name()) <
            memory::weight_bytes(component->module(), at::kFloat));
}

/// Results of one run on the simulated device, and the peak of each stage.
struct SimRun {
  io::SafetensorsFile dump;
  std::map<std::string, std::int64_t> peaks;
};

SimRun run_on_sim(int level, const std::filesystem::path& file, const device::SimOptions& sim = {},
                  const std::string& name = "sim") {
  EngineOptions options;
  options.ckpt_dir = fixtures() / "wan-unipc";
  options.device = name;
  options.sim = sim;
  options.memory.low_mem_level = level;
  options.memory.vae_tile_latents = 8;
  Engine engine(options);
  struct Peaks final : graph::Observer {
    explicit Peaks(c10::Device on) : device(on) {}
    void stage_begin(std::string_view) override { device::reset_peak(device); }
    void stage_end(std::string_view stage) override {
      peaks[std::string(stage)] = device::memory_use(device).peak_bytes;
    }
    c10::Device device;
    std::map<std::string, std::int64_t> peaks;
  } peaks(engine.plan().device);
  Engine::RunOptions run;
  run.observers = {&peaks};
  run.dump_tensors = file;
  engine.generate(engine.complete(small_request()), {}, run);
  return {io::SafetensorsFile(file), peaks.peaks};
}

TEST_CASE("on the simulated device every level has the CPU's bits and saves what it claims",
          "[pipelines]") {
  const testing::TemporaryFolder folder;
  const auto cpu = run_on_sim(0, folder / "cpu", {}, "cpu").dump;
  std::vector<std::map<std::string, std::int64_t>> peaks;
  for (int level = 0; level < 4; ++level) {
    CAPTURE(level);
    const SimRun sim = run_on_sim(level, folder / ("sim" + std::to_string(level)));
    for (const io::TensorInfo& info : cpu.tensors())
      CHECK(at::equal(cpu.tensor(info.name), sim.dump.tensor(info.name)));
    peaks.push_back(sim.peaks);
    CHECK(device::memory_use(device::resolve("sim")).allocated_bytes == 0);
  }
  for (int level = 1; level < 4; ++level)
    for (const auto& [stage, bytes] : peaks[0]) CHECK(peaks[level].at(stage) <= bytes);
  CHECK(peaks[2].at("denoise") < peaks[1].at("denoise"));
  CHECK(peaks[3].at("denoise") < peaks[2].at("denoise"));
  CHECK(peaks[3].at("encode_text") < peaks[2].at("encode_text"));
}

TEST_CASE("a run fits a device of exactly its peak, and not a smaller one", "[pipelines]") {
  const testing::TemporaryFolder folder;
  const int level = GENERATE(0, 3);
  std::int64_t peak = 0;
  for (const auto& [stage, bytes] : run_on_sim(level, folder / "free").peaks)
    peak = std::max(peak, bytes);
  CHECK(run_on_sim(level, folder / "tight", {.capacity_bytes = peak}).dump.tensors().size() > 10);
  try {
    run_on_sim(level, folder / "small", {.capacity_bytes = peak - 1});
    FAIL("expected a refusal");
  } catch (const std::exception& error) {
    CHECK(exit_code(error) == 3);
    CHECK_THAT(explain(error), Catch::ContainsSubstring("stage ") &&
                                   Catch::ContainsSubstring("sim: out of memory: asked "));
  }
  CHECK_FALSE(std::filesystem::exists(folder / "small"));
  CHECK(device::memory_use(device::resolve("sim")).allocated_bytes == 0);
}

TEST_CASE("memory settings that keep the dtypes change no bit", "[pipelines]") {
  const c10::InferenceMode inference;
  const auto latents = [](const memory::MemoryConfig& config) {
    EngineOptions options;
    options.ckpt_dir = fixtures() / "wan-unipc";
    options.device = "sim";
    options.memory = config;
    Engine engine(options);
    return final_latents(engine, small_request());
  };
  memory::MemoryConfig config;
  const at::Tensor plain = latents(config);
  config.low_mem_level = GENERATE(0, 3);
  SECTION("guidance branches one after the other") { config.guidance_interleave = false; }
  SECTION("the waiting guidance branch on the host") { config.offload_activations = true; }
  SECTION("components one after the other") { config.sequential_load = true; }
  SECTION("more layers ahead") { config.prefetch_blocks = 3; }
  SECTION("layers streamed from host memory") {
    config.states[memory::Role::transformer] = {.offload = {memory::Place::cpu, {}},
                                                .onload = {memory::Place::cpu, {}}};
    config.states[memory::Role::text_encoder] = config.states[memory::Role::transformer];
  }
  SECTION("components brought whole from host memory") {
    config.states[memory::Role::transformer] = {.offload = {memory::Place::cpu, {}},
                                                .onload = {memory::Place::device, {}}};
    config.states[memory::Role::text_encoder] = config.states[memory::Role::vae] =
        config.states[memory::Role::transformer];
  }
  CHECK(at::equal(plain, latents(config)));
}

TEST_CASE("weights stored in float8 give the same bits wherever they are stored", "[pipelines]") {
  const c10::InferenceMode inference;
  const auto latents = [](memory::Place rest, memory::Place onload) {
    const auto fp8 = memory::StateDtype::float8_e4m3fn;
    EngineOptions options;
    options.ckpt_dir = fixtures() / "wan-unipc";
    options.device = "sim";
    options.memory.states[memory::Role::transformer] = {.offload = {rest, fp8},
                                                        .onload = {onload, {}}};
    options.memory.states[memory::Role::text_encoder] =
        options.memory.states[memory::Role::transformer];
    Engine engine(options);
    return final_latents(engine, small_request());
  };
  using enum memory::Place;
  const at::Tensor rounded = latents(disk, disk);
  CHECK(at::equal(rounded, latents(cpu, cpu)));
  CHECK(at::equal(rounded, latents(cpu, device)));
  CHECK(at::equal(rounded, latents(device, device)));
  Engine exact = open_engine("wan-unipc");
  const at::Tensor plain = final_latents(exact, small_request());
  CHECK_FALSE(at::equal(rounded, plain));
  CHECK(((rounded - plain).norm() / plain.norm()).item<double>() < 0.2);
}

TEST_CASE("states that contradict each other are refused with their keys", "[pipelines]") {
  EngineOptions options;
  options.ckpt_dir = fixtures() / "wan-unipc";
  options.device = "cpu";
  auto& states = options.memory.states[memory::Role::transformer];
  using enum memory::Place;
  std::string expected;
  SECTION("farther while its stage runs than at rest") {
    states = {.offload = {device, {}}, .onload = {disk, {}}};
    expected =
        "memory.transformer.onload.device=disk: expected device or nearer, as "
        "memory.transformer.offload.device says";
  }
  SECTION("two dtypes to wait in") {
    states = {.offload = {{}, memory::StateDtype::float8_e4m3fn},
              .onload = {{}, memory::StateDtype::float8_e5m2}};
    expected = "memory.transformer.onload.dtype=float8_e5m2: expected float8_e4m3fn";
  }
  SECTION("computing in float8") {
    states.computation.dtype = memory::StateDtype::float8_e4m3fn;
    expected = "computation.dtype=float8_e4m3fn: expected float32, bfloat16 or float16";
  }
  CHECK_THROWS_WITH(Engine(options), ContainsSubstring(expected));
  CHECK_THROWS_AS(Engine(options), InputError);
}

TEST_CASE("16-bit weights and arithmetic stay near float32", "[pipelines]") {
  Engine exact = open_engine("wan-unipc");
  const std::string dtype = GENERATE("bfloat16", "float16");
  CAPTURE(dtype);
  Engine narrow = open_engine("wan-unipc", dtype);
  const at::Tensor a = final_latents(exact, small_request());
  const at::Tensor b = final_latents(narrow, small_request());
  CHECK(((a - b).norm() / a.norm()).item<double>() < 0.1);
}

TEST_CASE("an empty prompt is a prompt", "[pipelines]") {
  Engine engine = open_engine("wan-unipc");
  auto request = small_request();
  request.prompt = "";
  request.negative_prompt = "";
  CHECK(final_latents(engine, request).isfinite().all().item<bool>());
}

TEST_CASE("a run stops within a step of a stop request", "[pipelines]") {
  Engine engine = open_engine("wan-unipc");
  Recorder recorder;
  recorder.stop_at = 0;
  Engine::RunOptions options;
  options.observers = {&recorder};
  options.stop = recorder.source.get_token();
  CHECK_THROWS_AS(engine.generate(engine.complete(small_request()), {}, options), Interrupted);
  CHECK(recorder.steps == 1);
  CHECK(recorder.stages.back() == "denoise");
}

TEST_CASE("a tiled decode stops before its next chunk", "[pipelines]") {
  EngineOptions options;
  options.ckpt_dir = fixtures() / "wan-unipc";
  options.device = "sim";
  options.memory.vae_tiling = GENERATE(memory::VaeTiling::exact, memory::VaeTiling::blend);
  Engine engine(options);
  struct StopAtDecode final : graph::Observer {
    void stage_begin(std::string_view stage) override {
      if (stage != "decode_latents") return;
      source.request_stop();
      d2h_bytes = device::sim_traffic().d2h_bytes;
    }
    std::stop_source source;
    std::int64_t d2h_bytes = 0;
  } stop;
  Engine::RunOptions run;
  run.observers = {&stop};
  run.stop = stop.source.get_token();
  auto request = small_request();
  request.width = 272;
  CHECK_THROWS_AS(engine.generate(engine.complete(request), {}, run), Interrupted);
  CHECK(device::sim_traffic().d2h_bytes == stop.d2h_bytes);  // no picture was finished
  const testing::TemporaryFolder folder;
  engine.generate(engine.complete(request), {.dir = folder.path()}, {});
}

TEST_CASE("an unsupported request is refused with the nearest supported one", "[pipelines]") {
  const Engine engine = open_engine("wan-unipc");
  auto request = small_request();
  std::string expected;
  SECTION("width") {
    request.width = 100;
    expected = "request.width=100: expected a multiple of 16, the nearest being 96 or 112";
  }
  SECTION("height") {
    request.height = 8;
    expected = "request.height=8: expected a multiple of 16, the nearest being 16";
  }
  SECTION("frames") {
    request.num_frames = 8;
    expected = "request.num_frames=8: expected 4k + 1 frames, the nearest being 5 or 9";
  }
  SECTION("too long a side") {
    request.width = 16 * 1025;
    expected = "request.width=16400: expected at most 16384";
  }
  SECTION("no steps") {
    request.num_inference_steps = 0;
    expected = "request.num_inference_steps=0: expected 1 or more";
  }
  CHECK_THROWS_WITH(engine.complete(request), expected);
  CHECK_THROWS_AS(engine.complete(request), InputError);
}

TEST_CASE("empty fields of a request get the family's values", "[pipelines]") {
  const Engine engine = open_engine("wan-unipc");
  PartialRequest open;
  const Request request = engine.complete(open);
  CHECK(request.width == 832);
  CHECK(request.height == 480);
  CHECK(request.num_frames == 81);
  CHECK(request.num_inference_steps == 50);
  CHECK(request.guidance_scale == 5.0);
}

TEST_CASE("unknown dtypes, devices and backends are refused with the known ones", "[pipelines]") {
  EngineOptions options;
  options.ckpt_dir = fixtures() / "wan-unipc";
  std::string expected;
  SECTION("dtype") {
    options.dtype = "int8";
    expected = "infer.dtype=int8: expected auto, float32, bfloat16 or float16";
  }
  SECTION("device") {
    options.device = "gpu";
    expected = "device=gpu: no such device here";
  }
  SECTION("attention") {
    options.attn_type = "flash9";
    expected = "flash9";
  }
  CHECK_THROWS_AS(Engine(options), InputError);
  CHECK_THROWS_WITH(Engine(options), ContainsSubstring(expected));
}

}  // namespace
}  // namespace chitu::pipelines
