#include "pipelines/wan/request_limits.h"

#include <fmt/format.h>

#include <cmath>
#include <string>

#include "chitu_core/common/error.h"

namespace chitu::pipelines::wan {
namespace {

constexpr std::int64_t kTrainedTextLength = 512;

/// The values of a size: first, first + step and so on, up to and including `most`.
struct SizeGrid {
  std::int64_t first, step, most;

  bool holds(std::int64_t number) const {
    return number >= first && number <= most && (number - first) % step == 0;
  }
  /// "48 or 64": the valid values around a number.
  std::string nearest(std::int64_t number) const {
    if (number < first) return fmt::format("{}", first);
    const std::int64_t below = first + (number - first) / step * step;
    return below == most ? fmt::format("{}", below) : fmt::format("{} or {}", below, below + step);
  }
};

/// throws  InputError naming the field, the expected values, and the nearest valid ones
void check_size(const char* field, std::int64_t number, const SizeGrid& grid,
                const std::string& expected) {
  if (grid.holds(number)) return;
  if (number > grid.most)
    throw InputError(fmt::format("request.{}={}: expected at most {}", field, number, grid.most));
  throw InputError(fmt::format("request.{}={}: expected {}, the nearest being {}", field, number,
                               expected, grid.nearest(number)));
}

void check_numbers(const Request& request) {
  const auto demand = [](const char* field, auto value, bool holds, const std::string& expected) {
    if (!holds) throw InputError(fmt::format("request.{}={}: expected {}", field, value, expected));
  };
  demand("num_inference_steps", request.num_inference_steps, request.num_inference_steps >= 1,
         "1 or more");
  demand("guidance_scale", request.guidance_scale,
         request.guidance_scale >= 0 && std::isfinite(request.guidance_scale), "0 or more");
  if (const auto scale = request.guidance_scale_2)
    demand("guidance_scale_2", *scale, *scale >= 0 && std::isfinite(*scale), "0 or more");
  demand("fps", request.fps, request.fps >= 1, "1 or more");
  demand("max_sequence_length", request.max_sequence_length,
         request.max_sequence_length >= 1 && request.max_sequence_length <= kTrainedTextLength,
         fmt::format("1 to {}", kTrainedTextLength));
}

}  // namespace

SizeSteps size_steps(const models::WanTransformer3DConfig& transformer,
                     const models::WanVaeConfig& vae) {
  const auto [frames, rows, columns] = transformer.patch_size;
  SizeSteps steps;
  steps.width = vae.spatial_factor() * columns;
  steps.height = vae.spatial_factor() * rows;
  steps.most_width = transformer.rope_max_seq_len * steps.width;
  steps.most_height = transformer.rope_max_seq_len * steps.height;
  steps.first_frames = (frames - 1) * vae.temporal_factor() + 1;
  steps.frames = frames * vae.temporal_factor();
  steps.most_frames = steps.first_frames + (transformer.rope_max_seq_len - 1) * steps.frames;
  return steps;
}

void check_limits(const Request& request, const SizeSteps& steps) {
  const auto side = [](const char* field, std::int64_t pixels, std::int64_t step,
                       std::int64_t most) {
    check_size(field, pixels, {step, step, most}, fmt::format("a multiple of {}", step));
  };
  side("width", request.width, steps.width, steps.most_width);
  side("height", request.height, steps.height, steps.most_height);
  check_size("num_frames", request.num_frames,
             {steps.first_frames, steps.frames, steps.most_frames},
             fmt::format("{}k + {} frames", steps.frames, steps.first_frames));
  check_numbers(request);
}

void check_second_scale(const Request& request, bool has_boundary) {
  if (request.guidance_scale_2 && !has_boundary)
    throw InputError(
        fmt::format("request.guidance_scale_2={}: expected null: this checkpoint has no "
                    "boundary_ratio, one transformer takes all steps",
                    *request.guidance_scale_2));
}

}  // namespace chitu::pipelines::wan
