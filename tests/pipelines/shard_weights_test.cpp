#include <ATen/ATen.h>
#include <c10/core/InferenceMode.h>
#include <fmt/format.h>

#include <functional>
#include <mutex>
#include <string>
#include <vector>

#include "chitu_core/common/error.h"
#include "chitu_core/device/shared_host_memory.h"
#include "chitu_core/io/tensor_file.h"
#include "chitu_core/parallel/planned_communicator.h"
#include "pipelines/forecast/level_forecaster.h"
#include "tests/pipelines/lora_files.h"
#include "tests/pipelines/weight_files.h"
#include "tests/support/catch.h"
#include "tests/support/temporary_folder.h"
#include "tests/support/thread_ranks.h"

namespace chitu::pipelines {
namespace {

namespace fs = std::filesystem;

struct Degrees {
  int cp_size = 1, cfg_size = 1;
};

std::string text(const Degrees& degrees) {
  return fmt::format("cp_size {}, cfg_size {}", degrees.cp_size, degrees.cfg_size);
}

EngineOptions with_ranks(EngineOptions options, const Degrees& degrees, bool shard_weights,
                         std::shared_ptr<const parallel::Groups> groups) {
  options.parallel.cp_size = degrees.cp_size;
  options.parallel.cfg_size = degrees.cfg_size;
  options.parallel.shard_weights = shard_weights;
  options.parallel.groups = std::move(groups);
  return options;
}

/// What ranks in threads of this process have made together.
struct Made {
  std::vector<at::Tensor> latents, frames;
  std::vector<std::int64_t> sent_weights;
  std::int64_t disk_bytes = 0;  ///< of all ranks
};

using Change = std::function<void(EngineOptions&, int rank)>;

Made make(const EngineOptions& options, const PartialRequest& request, const Degrees& degrees,
          bool shard_weights, const Change& change = {}) {
  const auto world = static_cast<std::size_t>(degrees.cp_size * degrees.cfg_size);
  Made made;
  made.latents.resize(world);
  made.frames.resize(world);
  made.sent_weights.resize(world);
  const std::int64_t before = io::read_bytes();
  testing::ThreadWorld(degrees.cp_size, degrees.cfg_size)
      .run([&](const std::shared_ptr<const parallel::Groups>& groups) {
        const c10::InferenceMode inference;
        const testing::TemporaryFolder folder;
        const auto rank = static_cast<std::size_t>(groups->world->rank());
        EngineOptions of_rank = with_ranks(options, degrees, shard_weights, groups);
        if (change) change(of_rank, groups->world->rank());
        Engine engine(of_rank);
        Engine::RunOptions run;
        run.dump_tensors = folder / "dump.safetensors";
        engine.make_frames(engine.complete(request), run);
        const io::SafetensorsFile dump(run.dump_tensors);
        made.latents[rank] = dump.tensor("final_latents").clone();
        made.frames[rank] = dump.tensor("frames").clone();
        made.sent_weights[rank] = groups->weights->bytes_sent();
      });
  made.disk_bytes = io::read_bytes() - before;
  return made;
}

/// What one process reads: scales when it opens files, and weights.
struct ReadAlone {
  std::int64_t opening = 0, weights = 0;
};

ReadAlone read_alone(const EngineOptions& options, const PartialRequest& request) {
  const c10::InferenceMode inference;
  const std::int64_t before = io::read_bytes();
  Engine engine(options);
  const Request complete = engine.complete(request);
  const std::int64_t opened = io::read_bytes();
  engine.make_frames(complete, {});
  return {opened - before, io::read_bytes() - opened};
}

Forecast planned(const EngineOptions& options, const PartialRequest& request,
                 const Degrees& degrees) {
  const LevelForecaster forecaster(with_ranks(options, degrees, true, nullptr));
  const int level = options.memory.low_mem_level.value_or(0);
  return forecaster.plan(level, complete(forecaster.pipeline(), request), false).forecast;
}

std::int64_t sum(const std::vector<std::int64_t>& numbers) {
  std::int64_t all = 0;
  for (const std::int64_t number : numbers) all += number;
  return all;
}

/// Ranks that read together make what ranks make that read alone, and read what one process reads.
void check_sharing(const EngineOptions& options, const PartialRequest& request,
                   const Degrees& degrees) {
  INFO(text(degrees));
  const Made alone = make(options, request, degrees, false);
  const Made together = make(options, request, degrees, true);
  for (std::size_t rank = 0; rank < together.frames.size(); ++rank) {
    CHECK(at::equal(together.latents[rank], alone.latents[rank]));
    CHECK(at::equal(together.frames[rank], alone.frames[rank]));
  }
  CHECK(sum(alone.sent_weights) == 0);
  const ReadAlone of_one = read_alone(options, request);
  const auto world = static_cast<std::int64_t>(together.frames.size());
  CHECK(together.disk_bytes == of_one.weights + world * of_one.opening);
  CHECK(alone.disk_bytes == world * (of_one.weights + of_one.opening));
  const Forecast plan = planned(options, request, degrees);
  CHECK(plan.sent_weight_bytes == together.sent_weights[0]);
  CHECK(plan.sent_weight_bytes > 0);
}

TEST_CASE("ranks that share weights make the same video at every level, from one read",
          "[pipelines]") {
  const auto check = [](int level, const Degrees& degrees) {
    INFO(level);
    check_sharing(options_for(fixtures() / "wan-unipc", "cpu", level), small_request(), degrees);
  };
  for (const int level : {0, 1, 2, 3}) check(level, {2, 2});
  for (const int level : {0, 3})
    for (const Degrees& degrees : {Degrees{1, 2}, Degrees{5, 1}}) check(level, degrees);
}

TEST_CASE("ranks share the weights of two experts, of encoders of pictures, and of Qwen-Image",
          "[pipelines]") {
  for (const int level : {1, 3}) {
    INFO(level);
    check_sharing(options_for(fixtures() / "wan-two-experts", "cpu", level), small_request(),
                  {2, 2});
    PartialRequest pictures = small_request();
    pictures.image = picture("orientation_6.jpg");
    pictures.last_image = picture("rgba.png");
    check_sharing(options_for(fixtures() / "wan-first-and-last", "cpu", level), pictures, {3, 1});
    PartialRequest still = small_request();
    still.num_frames.reset();
    check_sharing(options_for(fs::path(CHITU_TEST_DATA) / "qwen_image/model", "cpu", level), still,
                  {2, 2});
  }
}

TEST_CASE("ranks share weights that are stored in float8, and layers that stay on the device",
          "[pipelines]") {
  EngineOptions options = options_for(fixtures() / "wan-unipc", "cpu", 3);
  const memory::WeightState fp8{memory::Place::disk, memory::StateDtype::float8_e4m3fn};
  options.memory.states[memory::Role::transformer] = {.offload = fp8, .onload = fp8};
  options.memory.prefetch_blocks = GENERATE(1, 3);
  check_sharing(options, small_request(), {2, 2});
}

TEST_CASE("ranks share weights with LoRAs, added or merged", "[pipelines][lora]") {
  const testing::TemporaryFolder folder;
  const auto file = folder / "lora.safetensors";
  write_lora(file, random_lora("wan-unipc", 3), LoraSpelling::peft);
  const auto mode = GENERATE(LoraMode::add, LoraMode::merge);
  for (const int level : {0, 3}) {
    INFO(level);
    EngineOptions options = options_for(fixtures() / "wan-unipc", "cpu", level);
    options.loras = {{file, 0.5}, {file, 0.25}};
    options.lora_mode = mode;
    check_sharing(options, small_request(), {3, 1});
  }
}

TEST_CASE("ranks share the weights of GGUF files and float8 files with scales",
          "[pipelines][files]") {
  const EditedModel model("wan-unipc");
  widen_transformer(model);
  const WeightTensors weights = weights_in(model.path() / "transformer");
  const bool gguf = GENERATE(true, false);
  const bool by_rows = GENERATE(false, true);
  const Spelling same = [](const std::string& name) { return name; };
  const auto file = model.folder / (gguf ? "transformer.gguf" : "transformer.safetensors");
  if (gguf)
    write_gguf_weights(file, weights, same, by_rows ? 8 : 12);
  else
    io::write_safetensors(file, ScaledFile(weights, same, by_rows).file);
  for (const int level : {0, 3}) {
    INFO(level);
    EngineOptions options = options_for(model.path(), "cpu", level);
    options.files["transformer"] = file;
    check_sharing(options, small_request(), {3, 1});
  }
}

TEST_CASE("ranks share the layers that a cache leaves to be computed", "[pipelines]") {
  PartialRequest request = small_request();
  request.num_inference_steps = 8;
  const auto& [cache, params] = GENERATE(values<std::pair<std::string, cache::Params>>(
      {{"taylorseer", {{"warmup", 2.0}}}, {"pab", {{"warmup", 2.0}, {"cooldown", 1.0}}}}));
  request.flexcache = cache;
  request.flexcache_params = params;
  CAPTURE(cache);
  check_sharing(options_for(fixtures() / "wan-unipc", "cpu", 3), request, {2, 2});
}

TEST_CASE("ranks that share weights load the text encoder if one of them lacks a prompt",
          "[pipelines]") {
  const testing::TemporaryFolder folder;
  const EngineOptions options = options_for(fixtures() / "wan-unipc", "cpu", 3);
  const Degrees degrees = GENERATE(Degrees{3, 1}, Degrees{1, 2});
  const Made expected = make(options, small_request(), degrees, true);
  const auto same = [&](const Made& made) {
    for (std::size_t rank = 0; rank < made.frames.size(); ++rank)
      CHECK(at::equal(made.frames[rank], expected.frames[rank]));
  };
  const Change one_has_a_cache = [&](EngineOptions& changed, int rank) {
    if (rank == 1) changed.prompt_cache = folder / "1";
  };
  same(make(options, small_request(), degrees, true, one_has_a_cache));
  // Now its cache has all of its prompts, and the others still have none.
  same(make(options, small_request(), degrees, true, one_has_a_cache));
  const Change each_has_a_cache = [&](EngineOptions& changed, int rank) {
    changed.prompt_cache = folder / std::to_string(rank);
  };
  same(make(options, small_request(), degrees, true, each_has_a_cache));
  const Made cached = make(options, small_request(), degrees, true, each_has_a_cache);
  same(cached);
  CHECK(cached.disk_bytes < expected.disk_bytes);  // no rank loads the text encoder
}

TEST_CASE("ranks of one host hold one copy of weights on the CPU, and make the same video",
          "[pipelines]") {
  const int level = GENERATE(0, 2);
  const EngineOptions options = options_for(fixtures() / "wan-unipc", "cpu", level);
  const Made alone = make(options, small_request(), {2, 1}, false);
  const auto memory = device::SharedHostMemory::make();
  const Change share = [&](EngineOptions& changed, int) {
    changed.parallel.host_memory = device::SharedHostMemory::open(memory->place());
  };
  const Made together = make(options, small_request(), {2, 1}, false, share);
  CHECK(at::equal(together.frames[0], alone.frames[0]));
  CHECK(at::equal(together.frames[1], alone.frames[1]));
  CHECK(together.disk_bytes < alone.disk_bytes);
  CHECK(memory->used_bytes() == 0);  // no engine has it any more
}

TEST_CASE("one process does not share weights", "[pipelines]") {
  const EngineOptions options =
      with_ranks(options_for(fixtures() / "wan-unipc"), {}, true, nullptr);
  CHECK_THROWS_AS(Engine(options), InputError);
  CHECK_THROWS_WITH(Engine(options),
                    "infer.diffusion.shard_weights=true: expected false for one process; ranks of "
                    "infer.diffusion.cp_size or infer.diffusion.cfg_size above 1 share weights");
}

TEST_CASE("a plan counts the share of the disk that a rank reads, and its peaks", "[pipelines]") {
  for (const int level : {0, 3}) {
    INFO(level);
    const EngineOptions options = options_for(fixtures() / "wan-unipc", "sim", level);
    const Forecast alone = planned(options, small_request(), {2, 1});
    EngineOptions unshared = with_ranks(options, {2, 1}, false, nullptr);
    const LevelForecaster forecaster(unshared);
    const Forecast each =
        forecaster.plan(level, complete(forecaster.pipeline(), small_request()), false).forecast;
    CHECK(alone.disk_bytes > each.disk_bytes * 45 / 100);
    CHECK(alone.disk_bytes < each.disk_bytes * 55 / 100);
    CHECK(alone.peak_device_bytes == each.peak_device_bytes);
    CHECK(alone.h2d_bytes == each.h2d_bytes);
    CHECK(each.sent_weight_bytes == 0);
    CHECK(alone.sent_bytes - alone.sent_weight_bytes == each.sent_bytes + 1);  // one question
  }
}

TEST_CASE("ranks that share weights hold shares of what rests in host memory", "[pipelines]") {
  EngineOptions options = options_for(fixtures() / "wan-unipc", "sim", 3);
  for (const memory::Role role : {memory::Role::transformer, memory::Role::text_encoder})
    options.memory.states[role] = {.offload = {memory::Place::cpu, {}},
                                   .onload = {memory::Place::cpu, {}}};
  const auto host_of = [&](bool shares) {
    const LevelForecaster forecaster(with_ranks(options, {4, 1}, shares, nullptr));
    return forecaster.plan(3, complete(forecaster.pipeline(), small_request()), false)
        .forecast.peak_host_bytes;
  };
  const std::int64_t whole = host_of(false), share = host_of(true);
  CAPTURE(whole, share);
  CHECK(share < whole);
}

}  // namespace
}  // namespace chitu::pipelines
