#include <ATen/ATen.h>
#include <c10/core/InferenceMode.h>
#include <fmt/format.h>

#include <cmath>
#include <map>
#include <string>
#include <vector>

#include "chitu_core/common/error.h"
#include "chitu_core/parallel/planned_communicator.h"
#include "pipelines/forecast/level_forecaster.h"
#include "tests/pipelines/tiny_models.h"
#include "tests/support/catch.h"
#include "tests/support/temporary_folder.h"
#include "tests/support/thread_ranks.h"

namespace chitu::pipelines {
namespace {

namespace fs = std::filesystem;

struct Made {
  at::Tensor latents, decoded, frames;
  std::int64_t sent_bytes = 0;     ///< by the rank
  std::int64_t sent_to_world = 0;  ///< of these, outside of denoising
};

Made make(const EngineOptions& options, const PartialRequest& request) {
  const c10::InferenceMode inference;
  const testing::TemporaryFolder folder;
  Engine engine(options);
  Engine::RunOptions run;
  run.dump_tensors = folder / "dump.safetensors";
  engine.make_frames(engine.complete(request), run);
  const io::SafetensorsFile dump(run.dump_tensors);
  return {dump.tensor("final_latents").clone(), dump.tensor("decoded").clone(),
          dump.tensor("frames").clone()};
}

struct Degrees {
  int cp_size = 1, cfg_size = 1, up = 0;
  std::string backend = "auto";
};

EngineOptions with_ranks(EngineOptions options, const Degrees& degrees,
                         std::shared_ptr<const parallel::Groups> groups) {
  options.parallel = {.cp_size = degrees.cp_size,
                      .up = degrees.up,
                      .cfg_size = degrees.cfg_size,
                      .backend = degrees.backend,
                      .groups = std::move(groups)};
  return options;
}

std::int64_t sent_in(const std::shared_ptr<parallel::Communicator>& group) {
  return dynamic_cast<const testing::ThreadCommunicator&>(*group).bytes_sent();
}

std::vector<Made> make_on_ranks(const EngineOptions& options, const PartialRequest& request,
                                const Degrees& degrees) {
  std::vector<Made> all(static_cast<std::size_t>(degrees.cp_size * degrees.cfg_size));
  testing::ThreadWorld(degrees.cp_size, degrees.cfg_size)
      .run([&](const std::shared_ptr<const parallel::Groups>& groups) {
        Made& made = all[static_cast<std::size_t>(groups->world->rank())];
        made = make(with_ranks(options, degrees, groups), request);
        made.sent_to_world = sent_in(groups->world);
        made.sent_bytes = made.sent_to_world + sent_in(groups->context) + sent_in(groups->guidance);
      });
  return all;
}

/// In decibels, of pictures in -1..1.
double psnr(const at::Tensor& a, const at::Tensor& b) {
  const double mse = at::sub(a, b).to(at::kDouble).square().mean().item<double>();
  return 10 * std::log10(4 / mse);
}

std::string text(const Degrees& degrees) {
  return fmt::format("cp_size {}, cfg_size {}, up {}, {}", degrees.cp_size, degrees.cfg_size,
                     degrees.up, degrees.backend);
}

void check_ranks(const EngineOptions& options, const PartialRequest& request,
                 const std::vector<Degrees>& ways) {
  const Made alone = make(options, request);
  for (const Degrees& degrees : ways) {
    INFO(text(degrees));
    const auto ranks = make_on_ranks(options, request, degrees);
    CHECK(psnr(ranks[0].decoded, alone.decoded) > 80);
    for (const Made& made : ranks) {
      CHECK(at::equal(made.latents, ranks[0].latents));
      CHECK(at::equal(made.decoded, ranks[0].decoded));
      CHECK(at::equal(made.frames, ranks[0].frames));
    }
    CHECK(at::equal(make_on_ranks(options, request, degrees)[0].frames, ranks[0].frames));
  }
}

PartialRequest qwen_request() {
  PartialRequest request = small_request();
  request.num_frames.reset();
  request.height = 48;
  return request;
}

EngineOptions qwen_options() { return options_for(fs::path(CHITU_TEST_DATA) / "qwen_image/model"); }

TEST_CASE("ranks make the video of one process, each of them", "[pipelines]") {
  check_ranks(options_for(fixtures() / "wan-unipc"), small_request(),
              {{2, 1, 0, "ulysses"},
               {3, 1, 0, "ring"},
               {4, 1, 2, "auto"},
               {5, 1, 0, "allgather"},
               {7, 1, 0, "auto"},
               {1, 2},
               {2, 2, 0, "ring"}});
}

TEST_CASE("ranks that skip layers make the video of one process that skips them", "[pipelines]") {
  PartialRequest request = small_request();
  request.num_inference_steps = 8;
  request.flexcache = GENERATE("teacache", "taylorseer", "pab", "freecache");
  CAPTURE(*request.flexcache);
  check_ranks(options_for(fixtures() / "wan-unipc"), request,
              {{2, 1, 0, "ulysses"}, {2, 2, 0, "ring"}});
}

TEST_CASE("a cache that decides from the states of a layer is refused on several ranks",
          "[pipelines]") {
  PartialRequest request = small_request();
  request.flexcache = "firstblock";
  auto options = options_for(fixtures() / "wan-unipc");
  options.parallel.cp_size = 2;
  options.parallel.groups = parallel::planned_groups(options.parallel);
  const c10::InferenceMode inference;
  Engine engine(options);
  CHECK_THROWS_WITH(engine.complete(request),
                    Catch::StartsWith("request.flexcache=firstblock: decides from the states"));
}

TEST_CASE("ranks make the picture of one process, each of them", "[pipelines]") {
  check_ranks(qwen_options(), qwen_request(),
              {{2, 1, 0, "auto"}, {3, 1, 0, "ring"}, {5, 1, 0, "ulysses"}, {1, 2}, {3, 2}});
}

TEST_CASE("ranks make the video of one process with a timestep for each token", "[pipelines]") {
  PartialRequest request = small_request();
  request.image = picture("orientation_6.jpg");
  check_ranks(options_for(fixtures() / "wan-timestep-per-token"), request,
              {{3, 1, 0, "auto"}, {2, 2, 0, "ulysses"}});
}

TEST_CASE("ranks make the video of one process with two transformers, and with pictures",
          "[pipelines]") {
  check_ranks(options_for(fixtures() / "wan-two-experts"), small_request(), {{2, 2, 0, "ring"}});
  PartialRequest request = small_request();
  request.image = picture("orientation_6.jpg");
  request.last_image = picture("rgba.png");
  check_ranks(options_for(fixtures() / "wan-first-and-last"), request, {{3, 1}, {2, 2}});
}

TEST_CASE("ranks get the same bits at every memory level", "[pipelines]") {
  const PartialRequest request = small_request();
  const auto options = [](int level) {
    return options_for(fixtures() / "wan-unipc", "cpu", level);
  };
  for (const Degrees& degrees : {Degrees{3, 1, 0, "ring"}, Degrees{2, 2, 0, "ulysses"}}) {
    INFO(text(degrees));
    const Made first = make_on_ranks(options(0), request, degrees)[0];
    for (const int level : {1, 2, 3}) {
      INFO(level);
      const Made made = make_on_ranks(options(level), request, degrees)[0];
      CHECK(at::equal(made.latents, first.latents));
      CHECK(at::equal(made.frames, first.frames));
    }
  }
}

TEST_CASE("ranks decode the tiles of a video together", "[pipelines]") {
  PartialRequest request = small_request();
  request.width = 192;
  request.height = 128;
  request.num_inference_steps = 1;
  for (const int level : {0, 3}) {
    INFO(level);
    EngineOptions options = options_for(fixtures() / "wan-unipc", "cpu", level);
    check_ranks(options, request, {{2, 1}, {5, 1}, {2, 2}});
    const auto ranks = make_on_ranks(options, request, {2, 1});
    // Each rank sends its part of the pictures, and of the float32 clip of a dump.
    constexpr std::int64_t kHalf = 5 * 192 * 128 * 3 / 2;
    CHECK(ranks[0].sent_to_world == kHalf + 4 * kHalf);
    CHECK(ranks[1].sent_to_world == kHalf + 4 * kHalf);
  }
}

TEST_CASE("ranks of the negative prompt need a request with guidance", "[pipelines]") {
  parallel::ParallelOptions two;
  two.cfg_size = 2;
  const EngineOptions options =
      with_ranks(options_for(fixtures() / "wan-unipc"), {1, 2}, parallel::planned_groups(two));
  const Engine engine(options);
  PartialRequest request = small_request();
  request.guidance_scale = 1;
  CHECK_THROWS_AS(engine.complete(request), InputError);
  CHECK_THROWS_WITH(engine.complete(request),
                    "request.guidance_scale=1: expected more than 1, because with 1 there is no "
                    "negative prompt for the ranks of infer.diffusion.cfg_size=2; or "
                    "infer.diffusion.cfg_size=1");
}

Forecast planned(const EngineOptions& options, const PartialRequest& request,
                 const Degrees& degrees) {
  const LevelForecaster forecaster(with_ranks(options, degrees, nullptr));
  return forecaster.plan(0, complete(forecaster.pipeline(), request), false).forecast;
}

TEST_CASE("a plan of one process counts what a rank sends, to the byte", "[pipelines]") {
  const auto wan = options_for(fixtures() / "wan-unipc");
  CHECK(planned(wan, small_request(), {}).sent_bytes == 0);
  for (const Degrees& degrees :
       {Degrees{2, 1, 0, "ring"}, Degrees{3, 1, 0, "ulysses"}, Degrees{4, 1, 2, "auto"},
        Degrees{5, 1, 0, "allgather"}, Degrees{1, 2}, Degrees{2, 2}}) {
    INFO(text(degrees));
    const std::int64_t sent = make_on_ranks(wan, small_request(), degrees)[0].sent_bytes;
    CHECK(planned(wan, small_request(), degrees).sent_bytes == sent);
    CHECK(sent > 0);
  }
}

/// Bytes that the denoising stage holds at its peak and not at its end.
std::int64_t activations(const std::string& model, const Degrees& degrees) {
  EngineOptions options = options_for(fs::path(CHITU_SOURCE_DIR) / "assets" / model, "sim");
  options.dtype =
      "float32";  // without bfloat16 instructions, weights would be widened: no activations
  options.memory.keep_text_kv = false;
  const LevelForecaster forecaster(with_ranks(options, degrees, nullptr));
  PartialRequest request = small_request();
  request.width = model == "qwen-image" ? 1328 : 1280;
  request.height = model == "qwen-image" ? 1328 : 720;
  request.num_frames = 81;
  if (model == "qwen-image") request.num_frames.reset();
  const auto plan = forecaster.plan(0, complete(forecaster.pipeline(), request), true);
  const device::DryRunUse& use = plan.forecast.step_stage()->use;
  return use.peak_device - use.device;
}

TEST_CASE("activations of denoising fall with the ranks that share the sequence", "[pipelines]") {
  for (const char* model : {"wan2.1-t2v-1.3b", "qwen-image"}) {
    const auto alone = static_cast<double>(activations(model, {}));
    const auto share = [&](const Degrees& degrees) {
      return static_cast<double>(activations(model, degrees)) * degrees.cp_size / alone;
    };
    INFO(model);
    // Every rank has whole latents and the modulation of all layers, which weigh more beside a
    // single picture.
    const double most = std::string(model) == "qwen-image" ? 1.16 : 1.1;
    for (const Degrees& degrees :
         {Degrees{2, 1, 0, "ulysses"}, Degrees{4, 1, 0, "ulysses"}, Degrees{2, 1, 0, "ring"},
          Degrees{5, 1, 0, "ring"}, Degrees{4, 1, 2, "auto"}, Degrees{2, 1, 0, "allgather"},
          Degrees{4, 1, 0, "allgather"}}) {
      INFO(text(degrees));
      CHECK(share(degrees) < most);
    }
  }
}

}  // namespace
}  // namespace chitu::pipelines
