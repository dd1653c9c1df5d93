#include "pipelines/qwen_image/request_limits.h"

#include <fmt/format.h>

#include <cmath>
#include <string>
#include <utility>

#include "chitu_core/common/error.h"
#include "chitu_core/models/qwen_image/rotary.h"

namespace chitu::pipelines::qwen_image {
namespace {

/// Sides of a token in latents.
constexpr std::int64_t kPatch = 2;
constexpr std::int64_t kMostSideTokens = 2 * (models::kQwenImagePositions - kMostTextTokens);
static_assert(models::qwen_image_text_position(kMostSideTokens, 1) + kMostTextTokens <=
              models::kQwenImagePositions);

void check_side(const char* field, std::int64_t pixels, std::int64_t step, std::int64_t most) {
  const auto fail = [&](const std::string& expected) {
    throw InputError(fmt::format("request.{}={}: expected {}", field, pixels, expected));
  };
  if (pixels > most) fail(fmt::format("at most {}", most));
  if (pixels < step) fail(fmt::format("a multiple of {}, the nearest being {}", step, step));
  const std::int64_t below = pixels / step * step;
  if (below != pixels)
    fail(fmt::format("a multiple of {}, the nearest being {} or {}", step, below, below + step));
}

void demand(const char* field, auto value, bool holds, const std::string& expected) {
  if (!holds) throw InputError(fmt::format("request.{}={}: expected {}", field, value, expected));
}

}  // namespace

SizeSteps size_steps(const models::WanVaeConfig& vae) {
  SizeSteps steps;
  steps.width = steps.height = vae.spatial_factor() * kPatch;
  steps.most_width = steps.most_height = kMostSideTokens * steps.width;
  steps.first_frames = steps.frames = steps.most_frames = 1;
  return steps;
}

void check_limits(const Request& request, const SizeSteps& steps) {
  check_side("width", request.width, steps.width, steps.most_width);
  check_side("height", request.height, steps.height, steps.most_height);
  demand("num_frames", request.num_frames, request.num_frames == 1, "1: this model makes pictures");
  demand("num_inference_steps", request.num_inference_steps, request.num_inference_steps >= 1,
         "1 or more");
  demand("guidance_scale", request.guidance_scale,
         request.guidance_scale >= 0 && std::isfinite(request.guidance_scale), "0 or more");
  if (const auto scale = request.guidance_scale_2)
    demand("guidance_scale_2", *scale, false, "null: this model has one transformer");
  for (const auto& [field, path] :
       {std::pair{"image", request.image}, {"last_image", request.last_image}})
    if (path) demand(field, *path, false, "null: this model makes pictures from text alone");
  demand("fps", request.fps, request.fps >= 1, "1 or more");
  demand("max_sequence_length", request.max_sequence_length,
         request.max_sequence_length >= 1 && request.max_sequence_length <= kMostTextTokens,
         fmt::format("1 to {}", kMostTextTokens));
}

}  // namespace chitu::pipelines::qwen_image
