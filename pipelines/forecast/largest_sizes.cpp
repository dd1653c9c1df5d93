#include "pipelines/forecast/largest_sizes.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <utility>
#include <vector>

namespace chitu::pipelines {
namespace {

/// A size in steps, as dry runs use it.
struct Sizes {
  std::int64_t start, most;                        ///< first guess; upper bound
  std::function<double(std::int64_t)> extent;      ///< activations are nearly proportional to this
  std::function<std::int64_t(std::int64_t)> peak;  ///< forecast, in bytes; grows with the size
};

/// Finds the largest size whose peak is within a limit, with as few dry runs as possible. Each
/// guess is where the line through two known peaks meets the limit. While guesses keep falling on
/// one side, they move further from the last one.
class Search {
 public:
  Search(Sizes sizes, std::int64_t limit) : sizes_(std::move(sizes)), limit_(limit) {}

  /// 0 if no size fits.
  std::int64_t largest() {
    if (sizes_.most == 0) return 0;
    std::int64_t next = std::clamp<std::int64_t>(sizes_.start, 1, sizes_.most);
    while (true) {
      look_at(next);
      if (too_large_ - fits_ == 1) return fits_;
      next = std::clamp(guess(), fits_ + 1, too_large_ - 1);
    }
  }

 private:
  struct Point {
    double extent, peak;
  };

  void look_at(std::int64_t size) {
    const std::int64_t peak = sizes_.peak(size);
    const bool fits = peak <= limit_;
    stride_ = fits == last_fits_ ? 2 * stride_ : 1;
    last_fits_ = fits;
    (fits ? fits_ : too_large_) = size;
    points_.push_back({sizes_.extent(size), static_cast<double>(peak)});
  }

  std::int64_t guess() const {
    const std::int64_t on_line = largest_on_line();
    if (last_fits_) return std::max(on_line, fits_ + stride_);
    return std::min(on_line, too_large_ - stride_);
  }

  /// The largest size that fits if peaks are linear: through the last two known peaks or, with one,
  /// through that and zero.
  std::int64_t largest_on_line() const {
    const Point b = points_.back(), a = points_.size() > 1 ? points_.end()[-2] : Point{0, 0};
    const double slope = (b.peak - a.peak) / (b.extent - a.extent);
    const double most = b.extent + (static_cast<double>(limit_) - b.peak) / slope;
    if (!(slope > 0)) return last_fits_ ? too_large_ - 1 : fits_ + 1;
    std::int64_t low = fits_, high = too_large_;
    while (high - low > 1) {
      const std::int64_t middle = low + (high - low) / 2;
      (sizes_.extent(middle) <= most ? low : high) = middle;
    }
    return low;
  }

  Sizes sizes_;
  std::int64_t limit_;
  std::int64_t fits_ = 0, too_large_ = sizes_.most + 1;  ///< the nearest known
  std::vector<Point> points_;
  bool last_fits_ = false;
  /// Least distance from the last guess; grows while guesses fall on one side.
  std::int64_t stride_ = 0;
};

/// The picture whose width is this many steps, with nearly the request's aspect ratio.
LargestSizes::Picture picture_of(std::int64_t width_steps, const Request& request,
                                 const SizeSteps& steps) {
  const std::int64_t width = width_steps * steps.width;
  const double height = static_cast<double>(width) * static_cast<double>(request.height) /
                        static_cast<double>(request.width);
  const auto height_steps =
      std::max<std::int64_t>(1, std::llround(height / static_cast<double>(steps.height)));
  return {width, height_steps * steps.height};
}

double area(const LargestSizes::Picture& picture) {
  return static_cast<double>(picture.width) * static_cast<double>(picture.height);
}

}  // namespace

std::optional<LargestSizes::Picture> largest_picture(const SizeSteps& steps, const Request& request,
                                                     const ForecastNeed& need,
                                                     std::int64_t limit_bytes) {
  const auto picture = [&](std::int64_t n) { return picture_of(n, request, steps); };
  const auto need_of = [&](std::int64_t n) {
    Request tried = request;
    tried.width = picture(n).width;
    tried.height = picture(n).height;
    return need(tried);
  };
  std::int64_t most = steps.most_width / steps.width;
  while (most > 0 && picture(most).height > steps.most_height) --most;
  const Sizes sizes{request.width / steps.width, most,
                    [&](std::int64_t n) { return area(picture(n)); }, need_of};
  const std::int64_t found = Search(sizes, limit_bytes).largest();
  return found > 0 ? std::optional(picture(found)) : std::nullopt;
}

std::optional<std::int64_t> most_frames(const SizeSteps& steps, const Request& request,
                                        const ForecastNeed& need, std::int64_t limit_bytes) {
  const auto frames = [&](std::int64_t n) { return steps.first_frames + (n - 1) * steps.frames; };
  const auto count = [&](std::int64_t num_frames) {
    return (num_frames - steps.first_frames) / steps.frames + 1;
  };
  const auto need_of = [&](std::int64_t n) {
    Request tried = request;
    tried.num_frames = frames(n);
    return need(tried);
  };
  const Sizes sizes{count(request.num_frames), count(steps.most_frames),
                    [](std::int64_t n) { return static_cast<double>(n); }, need_of};
  const std::int64_t found = Search(sizes, limit_bytes).largest();
  return found > 0 ? std::optional(frames(found)) : std::nullopt;
}

LargestSizes largest_sizes(const LevelForecaster& forecaster, int level, const Request& request,
                           bool longest_prompts, std::int64_t limit_bytes) {
  limit_bytes -= forecaster.budget().base_bytes + forecaster.budget().library_bytes;
  const SizeSteps steps = forecaster.pipeline().size_steps();
  const memory::MemoryPlan plan = forecaster.plan_of(level);
  const auto need = [&](const Request& tried) {
    return forecaster.forecaster().forecast(tried, plan, longest_prompts).peak_bytes();
  };
  return {largest_picture(steps, request, need, limit_bytes),
          most_frames(steps, request, need, limit_bytes)};
}

}  // namespace chitu::pipelines
