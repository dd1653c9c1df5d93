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

std::vector<Made> make_on_ranks(const EngineOptions& options, const PartialRequest& request,
                                const Degrees& degrees) {
  std::vector<Made> all(static_cast<std::size_t>(degrees.cp_size * degrees.cfg_size));
  testing::ThreadWorld(degrees.cp_size, degrees.cfg_size)
      .run([&](const std::shared_ptr<const parallel::Groups>& groups) {
        all[static_cast<std::size_t>(groups->world->rank())] =
            make(with_ranks(options, degrees, groups), request);
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

TEST_CASE("ranks of the negative prompt need a request with guidance", "[pipelines]") {
  const Degrees degrees{1, 2};
  EngineOptions options = with_ranks(options_for(fixtures() / "wan-unipc"), degrees,
                                     parallel::planned_groups({.cp_size = 1, .cfg_size = 2}));
  const Engine engine(options);
  PartialRequest request = small_request();
  request.guidance_scale = 1;
  CHECK_THROWS_AS(engine.complete(request), InputError);
  CHECK_THROWS_WITH(engine.complete(request),
                    "request.guidance_scale=1: expected more than 1, because with 1 there is no "
                    "negative prompt for the ranks of infer.diffusion.cfg_size=2; or "
                    "infer.diffusion.cfg_size=1");
}

std::int64_t planned_peak(const Degrees& degrees) {
  EngineOptions options = options_for(fixtures() / "wan-unipc", "sim");
  const LevelForecaster forecaster(with_ranks(options, degrees, nullptr));
  return forecaster.plan(0, complete(forecaster.pipeline(), small_request()), false)
      .forecast.peak_device_bytes;
}

TEST_CASE("a plan of one process is that of a rank among others", "[pipelines]") {
  const std::int64_t alone = planned_peak({});
  for (const Degrees& degrees :
       {Degrees{2, 1, 0, "ring"}, Degrees{3, 1, 0, "ulysses"}, Degrees{2, 2}}) {
    INFO(text(degrees));
    CHECK(planned_peak(degrees) < alone);
  }
}

}  // namespace
}  // namespace chitu::pipelines
