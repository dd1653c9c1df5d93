#include "pipelines/plan_fit.h"

#include <algorithm>
#include <cmath>
#include <functional>

namespace chitu::pipelines {
namespace {

using Fits = std::function<bool(std::int64_t)>;

/// The largest number from 1 to `most` that fits, 0 where none does: smaller ones fit where a
/// larger one does. Looks near `start` first, since planning takes longer the larger the size.
std::int64_t largest(std::int64_t start, std::int64_t most, const Fits& fits) {
  std::int64_t low = 0, high = std::clamp<std::int64_t>(start, 1, most);
  while (fits(high)) {
    low = high;
    if (high == most) return most;
    high = std::min(most, high + high / 2 + 1);
  }
  // From here on `low` fits, or is 0, and `high` does not.
  for (std::int64_t next = high / 2; low == 0 && next > 0; next /= 2)
    (fits(next) ? low : high) = next;
  while (high - low > 1) {
    const std::int64_t middle = low + (high - low) / 2;
    (fits(middle) ? low : high) = middle;
  }
  return low;
}

/// The picture whose width is so many steps, in the request's aspect ratio as near as steps allow.
LargestSizes::Picture picture_of(std::int64_t width_steps, const Request& request,
                                 const SizeSteps& steps) {
  const std::int64_t width = width_steps * steps.width;
  const double height = static_cast<double>(width) * static_cast<double>(request.height) /
                        static_cast<double>(request.width);
  const auto height_steps =
      std::max<std::int64_t>(1, std::llround(height / static_cast<double>(steps.height)));
  return {width, height_steps * steps.height};
}

}  // namespace

LargestSizes largest_sizes(const LevelPlanner& planner, int level, const Request& request,
                           bool longest_prompts, std::int64_t limit_bytes) {
  const SizeSteps steps = planner.pipeline().size_steps();
  const memory::MemoryPlan plan = planner.plan_of(level);
  if (planner.host_computes()) limit_bytes -= planner.process_bytes();
  const auto fits = [&](const Request& tried) {
    return planner.planner().stays_below(limit_bytes, tried, plan, longest_prompts);
  };
  const std::int64_t picture =
      largest(request.width / steps.width, steps.most_width / steps.width, [&](std::int64_t n) {
        const auto [width, height] = picture_of(n, request, steps);
        if (height > steps.most_height) return false;
        Request tried = request;
        tried.width = width;
        tried.height = height;
        return fits(tried);
      });
  const auto frames_of = [&](std::int64_t n) {
    return steps.first_frames + (n - 1) * steps.frames;
  };
  const std::int64_t frames =
      largest((request.num_frames - steps.first_frames) / steps.frames + 1,
              (steps.most_frames - steps.first_frames) / steps.frames + 1, [&](std::int64_t n) {
                Request tried = request;
                tried.num_frames = frames_of(n);
                return fits(tried);
              });
  LargestSizes sizes;
  if (picture > 0) sizes.picture = picture_of(picture, request, steps);
  if (frames > 0) sizes.frames = frames_of(frames);
  return sizes;
}

}  // namespace chitu::pipelines
