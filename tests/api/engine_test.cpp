#include "chitu/engine.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include <algorithm>
#include <thread>

#include "chitu_core/device/sim.h"
#include "tests/api/tiny_engine.h"
#include "tests/support/catch.h"
#include "tests/support/temporary_folder.h"

namespace chitu {
namespace {

using Catch::ContainsSubstring;
using testing::tiny_config;
using testing::tiny_options;
using testing::tiny_request;

std::vector<std::uint8_t> bytes_of(const Video& video) {
  const auto frames = video.frames();
  return {frames.begin(), frames.end()};
}

TEST_CASE("an engine answers many requests with frames in memory", "[api]") {
  Engine engine(tiny_config());
  const Video first = engine.generate({.prompt = "a red circle"});
  CHECK(first.frame_count() == 5);
  CHECK(first.height() == 32);
  CHECK(first.width() == 32);
  CHECK(first.fps() == 16);
  CHECK(first.frames().size() == 5 * 32 * 32 * 3);
  CHECK(first.frame(1).data() == first.frames().data() + 32 * 32 * 3);
  CHECK_THROWS_AS(first.frame(5), std::out_of_range);
  CHECK(first.tensor().sizes() == at::IntArrayRef({5, 32, 32, 3}));
  CHECK(first.tensor().const_data_ptr<std::uint8_t>() == first.frames().data());
  CHECK(first.latents().sizes() == at::IntArrayRef({1, 16, 2, 4, 4}));
  CHECK(first.latents().scalar_type() == at::kFloat);
  CHECK(first.problems().empty());
  CHECK(bytes_of(engine.generate({.prompt = "a red circle"})) == bytes_of(first));
  CHECK(bytes_of(engine.generate({.prompt = "a blue cross"})) != bytes_of(first));
}

TEST_CASE("what a request leaves open is as the configuration says", "[api]") {
  Config config = tiny_config();
  Engine engine(config);
  const Video three = engine.generate({.prompt = "a red circle"});
  CHECK(three.request().seed == 3);
  CHECK(three.request().max_sequence_length == 512);
  Request four{.prompt = "a red circle"};
  four.seed = 4;
  const Video given = engine.generate(four);
  config.set("request.seed", 4);
  config.set("request.prompt", "a red circle");
  CHECK(bytes_of(Engine(config).generate({})) == bytes_of(given));
  CHECK(bytes_of(engine.generate(given.request())) == bytes_of(given));
}

TEST_CASE("an engine is made from options without a configuration", "[api]") {
  Engine engine(tiny_options());
  CHECK(bytes_of(engine.generate(tiny_request())) ==
        bytes_of(Engine(tiny_config()).generate({.prompt = "a red circle"})));
  EngineOptions options = tiny_options();
  options.memory.low_mem_level = 3;
  CHECK(at::equal(Engine(options).generate(tiny_request()).latents(),
                  engine.generate(tiny_request()).latents()));
}

TEST_CASE("mistakes are refused with one line before the work begins", "[api]") {
  Engine engine(tiny_config());
  CHECK_THROWS_WITH(engine.generate({}), "request.prompt: is missing, expected a text");
  Request odd{.prompt = "x"};
  odd.width = 33;
  CHECK_THROWS_WITH(
      engine.complete(odd),
      ContainsSubstring("request.width=33: expected a multiple") && ContainsSubstring("32 or 48"));
  CHECK_THROWS_AS(engine.generate(odd), InputError);
  CHECK_THROWS_AS(Engine(EngineOptions{.ckpt_dir = "no/such"}), InputError);
  CHECK_THROWS_WITH(Engine(tiny_config({"debug.profile=true"})),
                    ContainsSubstring("debug.profile"));
  CHECK_THROWS_WITH(Engine(tiny_config({"debug.dump_tensors=x.safetensors"})),
                    ContainsSubstring("debug.dump_tensors=x.safetensors"));
}

TEST_CASE("a batch makes the videos of single requests, each component loaded once", "[api]") {
  const char* level = GENERATE("0", "3");
  const std::int64_t size = GENERATE(1, 2);
  Engine engine(tiny_config({std::string("infer.diffusion.low_mem_level=") + level}));
  std::vector<Request> requests{{.prompt = "a red circle"}, {.prompt = "a dog"}, {.prompt = "x"}};
  requests[1].seed = 9;
  requests[2].num_frames = 1;
  std::vector<std::size_t> told;
  std::vector<double> shares;
  const auto results =
      engine.generate_batch(requests, {.size = size,
                                       .on_progress = [&](double done) { shares.push_back(done); },
                                       .on_result =
                                           [&](std::size_t index, const BatchResult& result) {
                                             CHECK(result.has_video());
                                             told.push_back(index);
                                           }});
  REQUIRE(results.size() == 3);
  for (std::size_t i = 0; i < results.size(); ++i) {
    CAPTURE(level, size, i);
    const Video alone = engine.generate(requests[i]);
    const Video& together = results[i].video();
    CHECK(bytes_of(together) == bytes_of(alone));
    CHECK(at::equal(together.latents(), alone.latents()));
    CHECK(together.request().seed == alone.request().seed);
  }
  CHECK(told == std::vector<std::size_t>{0, 1, 2});
  CHECK(std::ranges::is_sorted(shares));
  CHECK(shares.back() == Catch::Approx(1.0));
  CHECK(engine.generate_batch({}).empty());
}

TEST_CASE("a batch takes its size from the configuration", "[api]") {
  const auto bytes_to_device = [](const Config& config) {
    Engine engine(config);
    const std::int64_t before = device::sim_traffic().h2d_bytes;
    engine.generate_batch({{.prompt = "a red circle"}, {.prompt = "a dog"}});
    return device::sim_traffic().h2d_bytes - before;
  };
  const std::vector<std::string> streamed{"device=sim", "infer.diffusion.low_mem_level=3"};
  std::vector<std::string> shared = streamed;
  shared.emplace_back("batch.size=2");
  CHECK(bytes_to_device(tiny_config(shared)) < bytes_to_device(tiny_config(streamed)));
}

TEST_CASE("a request of a batch that fails does not stop the others", "[api]") {
  Engine engine(tiny_config());
  std::vector<Request> requests{{.prompt = "a red circle"}, {.prompt = "a dog"}};
  requests[0].guidance_scale = 1e38;
  const auto results = engine.generate_batch(requests, {.size = 2});
  CHECK_FALSE(results[0].has_video());
  CHECK_THROWS_WITH(results[0].video(), ContainsSubstring("stage denoise: ") &&
                                            ContainsSubstring("request.guidance_scale below"));
  CHECK(bytes_of(results[1].video()) == bytes_of(engine.generate(requests[1])));
}

TEST_CASE("mistakes of a batch are refused before the work begins", "[api]") {
  Engine engine(tiny_config());
  Request odd{.prompt = "x"};
  odd.width = 33;
  const auto untouched = [](double) { FAIL("work has begun"); };
  CHECK_THROWS_WITH(engine.generate_batch({{.prompt = "a dog"}, odd}, {.on_progress = untouched}),
                    ContainsSubstring("request 1: request.width=33: expected a multiple of 16"));
  CHECK_THROWS_WITH(
      engine.generate_batch({{.prompt = "a dog"}}, {.size = 0, .on_progress = untouched}),
      "batch.size=0: expected 1 or more");
}

TEST_CASE("a batch stops on request, and by what a callback throws", "[api]") {
  Engine engine(tiny_config());
  const std::vector<Request> requests{{.prompt = "a red circle"}, {.prompt = "a dog"}};
  std::stop_source stop;
  BatchOptions options{.stop = stop.get_token()};
  options.on_progress = [&](double done) {
    if (done > 0) stop.request_stop();
  };
  CHECK_THROWS_AS(engine.generate_batch(requests, options), Interrupted);
  CHECK_THROWS_AS(engine.generate_batch(requests, {.on_progress = [](double) { throw 7; }}), int);
  CHECK_THROWS_AS(engine.generate_batch(
                      requests, {.on_result = [](std::size_t, const BatchResult&) { throw 8; }}),
                  int);
  CHECK(engine.generate_batch(requests)[1].video().frame_count() == 5);
}

TEST_CASE("callbacks see stages and steps in order, with latents as a preview", "[api]") {
  Engine engine(tiny_config());
  std::vector<std::string> log;
  RunOptions options;
  options.on_stage_begin = [&](std::string_view stage) {
    log.push_back(std::string(stage) + " begins");
  };
  options.on_stage_end = [&](std::string_view stage) {
    log.push_back(std::string(stage) + " ends");
  };
  at::Tensor last;
  options.on_step = [&](const Step& step) {
    CHECK(step.count == 2);
    log.push_back("step " + std::to_string(step.index));
    last = step.latents.clone();
  };
  const Video video = engine.generate({.prompt = "a red circle"}, options);
  CHECK(log == std::vector<std::string>{
                   "tokenize begins", "tokenize ends", "encode_text begins", "encode_text ends",
                   "prepare_latents begins", "prepare_latents ends", "denoise begins", "step 0",
                   "step 1", "denoise ends", "decode_latents begins", "decode_latents ends"});
  CHECK(at::equal(last, video.latents()));
}

TEST_CASE("what a callback throws comes out as it is, and the engine works on", "[api]") {
  Engine engine(tiny_config());
  struct Mine : std::runtime_error {
    using std::runtime_error::runtime_error;
  };
  RunOptions options;
  options.on_step = [](const Step&) { throw Mine("enough"); };
  CHECK_THROWS_AS(engine.generate({.prompt = "a red circle"}, options), Mine);
  options.on_step = [](const Step&) { throw 7; };
  CHECK_THROWS_AS(engine.generate({.prompt = "a red circle"}, options), int);
  CHECK(engine.generate({.prompt = "a red circle"}).frame_count() == 5);
}

TEST_CASE("an engine called from its own callback says so in place of waiting", "[api]") {
  Engine engine(tiny_config());
  RunOptions options;
  options.on_step = [&](const Step&) { engine.complete({.prompt = "x"}); };
  CHECK_THROWS_WITH(engine.generate({.prompt = "x"}, options),
                    ContainsSubstring("called from one of its own callbacks"));
}

TEST_CASE("a run is cancelled from another thread, and the engine works on", "[api]") {
  Engine engine(tiny_config({"num_inference_steps=1000"}));
  std::stop_source stop;
  std::jthread other;
  RunOptions options;
  options.stop = stop.get_token();
  int steps = 0;
  options.on_step = [&](const Step&) {
    if (++steps == 1) other = std::jthread([&] { stop.request_stop(); });
  };
  CHECK_THROWS_AS(engine.generate({.prompt = "a red circle"}, options), Interrupted);
  CHECK(steps < 1000);
  Request short_one{.prompt = "a red circle"};
  short_one.num_inference_steps = 1;
  CHECK(engine.generate(short_one).frame_count() == 5);
}

TEST_CASE("two engines generate at the same time what they generate alone", "[api][threads]") {
  Engine one(tiny_config({"infer.diffusion.low_mem_level=0", "infer.threads=1"}));
  Engine other(tiny_config({"infer.diffusion.low_mem_level=3", "infer.threads=1"}));
  const auto alone = bytes_of(one.generate({.prompt = "a red circle"}));
  const at::Tensor latents = other.generate({.prompt = "a blue cross"}).latents().clone();
  std::vector<std::uint8_t> first;
  at::Tensor second;
  {
    const std::jthread a([&] { first = bytes_of(one.generate({.prompt = "a red circle"})); });
    const std::jthread b(
        [&] { second = other.generate({.prompt = "a blue cross"}).latents().clone(); });
  }
  CHECK(first == alone);
  CHECK(at::equal(second, latents));
}

TEST_CASE("calls of one engine from several threads wait for each other", "[api][threads]") {
  Engine engine(tiny_config({"infer.threads=1"}));
  const auto expected = bytes_of(engine.generate({.prompt = "a red circle"}));
  std::vector<std::vector<std::uint8_t>> results(3);
  {
    std::vector<std::jthread> threads;
    for (auto& result : results)
      threads.emplace_back([&] { result = bytes_of(engine.generate({.prompt = "a red circle"})); });
  }
  for (const auto& result : results) CHECK(result == expected);
}

TEST_CASE("infer.threads counts during a call, and the caller's number is back after it", "[api]") {
  const int before = at::get_num_threads();
  const int other = before == 1 ? 2 : 1;
  Engine engine(tiny_config({"infer.threads=" + std::to_string(other)}));
  int during = 0;
  RunOptions options;
  options.on_step = [&](const Step&) { during = at::get_num_threads(); };
  engine.generate({.prompt = "a red circle"}, options);
  CHECK(during == other);
  CHECK(at::get_num_threads() == before);
}

TEST_CASE("a pipeline lists its stages with the types of their values", "[api]") {
  const PipelineInfo pipeline = Engine(tiny_config()).pipeline();
  const StageInfo& denoise = pipeline.stage("denoise");
  CHECK(denoise.output == "Latents");
  CHECK(denoise.components == std::vector<std::string>{"transformer"});
  REQUIRE(denoise.inputs.size() == 3);
  CHECK(denoise.inputs[0].value == "Latents");
  CHECK(denoise.inputs[0].from == "prepare_latents");
  CHECK(denoise.inputs[2].from == "input");
  CHECK_THROWS_WITH(pipeline.stage("denoize"), ContainsSubstring("did you mean denoise?"));
}

TEST_CASE("log messages go where the program says, and not to standard output", "[api]") {
  std::vector<std::string> messages;
  set_log(LogLevel::debug, [&](LogLevel, std::string_view area, std::string_view text) {
    messages.push_back(std::string(area) + ": " + std::string(text));
  });
  Config config = tiny_config({"model.scheduler=FlowMatchEulerDiscreteScheduler"});
  const Engine engine(config);  // passes over the keys of the checkpoint's own scheduler
  set_log(LogLevel::warning);
  REQUIRE_FALSE(messages.empty());
  CHECK_THAT(messages.front(), ContainsSubstring("models: "));
}

}  // namespace
}  // namespace chitu
