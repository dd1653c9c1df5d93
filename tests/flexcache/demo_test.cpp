#include <ATen/ATen.h>
#include <c10/core/InferenceMode.h>

#include <cmath>
#include <string>
#include <vector>

#include "pipelines/batch/frames_batch.h"
#include "tests/flexcache/cached_world.h"

namespace chitu::pipelines {
namespace {

const std::vector<std::string> kPrompts{"a red circle moving right on a white background",
                                        "a green square moving up on a black background",
                                        "a yellow triangle moving left on a blue background"};

/// Frames of all prompts, uint8.
at::Tensor frames_of(Engine& engine, const std::string& cache, const cache::Params& params) {
  std::vector<Request> requests;
  for (const std::string& prompt : kPrompts) {
    PartialRequest request;
    request.prompt = prompt;
    if (!cache.empty()) {
      request.flexcache = cache;
      request.flexcache_params = params;
    }
    requests.push_back(engine.complete(request));
  }
  std::vector<at::Tensor> frames(requests.size());
  FramesBatchOptions options;
  options.made = [&](std::size_t index, BatchFrames made) {
    if (made.error) std::rethrow_exception(made.error);
    frames[index] = made.frames.frames;
  };
  engine.make_frames_batch(requests, options);
  return at::stack(frames);
}

double psnr(const at::Tensor& a, const at::Tensor& b) {
  const double error = a.to(at::kDouble).sub(b.to(at::kDouble)).pow_(2).mean().item<double>();
  return 10 * std::log10(255 * 255 / error);
}

/// How many fewer passes over the layers a cached run computes.
double speed_up(const EngineOptions& options, const std::string& cache,
                const cache::Params& params) {
  PartialRequest request;
  request.prompt = kPrompts.front();
  request.flexcache = cache;
  request.flexcache_params = params;
  const CachedRun run = run_cached(options, request);
  return static_cast<double>(run.decisions.all_layers()) /
         static_cast<double>(run.decisions.computed_layers());
}

struct Candidate {
  std::string cache;
  cache::Params params;
  double least_speed_up, least_psnr;
};

TEST_CASE("the demo model draws nearly the same with 1.5 and with 2 times fewer passes",
          "[flexcache]") {
  const c10::InferenceMode inference;
  const auto options = options_for(std::filesystem::path(CHITU_SOURCE_DIR) / "assets/demo-t2v");
  Engine engine(options);
  const at::Tensor whole = frames_of(engine, "", {});
  const std::vector<Candidate> candidates{
      {"taylorseer", {{"interval", 2.0}, {"warmup", 6.0}}, 1.5, 30},
      {"taylorseer", {{"interval", 3.0}, {"warmup", 5.0}}, 2, 25}};
  for (const auto& [cache, params, least_speed_up, least_psnr] : candidates) {
    CAPTURE(cache, least_speed_up);
    CHECK(speed_up(options, cache, params) >= least_speed_up);
    CHECK(psnr(whole, frames_of(engine, cache, params)) >= least_psnr);
  }
}

}  // namespace
}  // namespace chitu::pipelines
