#pragma once

#include <cstdint>
#include <functional>
#include <optional>

#include "pipelines/forecast/level_forecaster.h"
#include "pipelines/model/pipeline.h"

namespace chitu::pipelines {

/// The largest requests within a limit, each in one direction; empty if nothing fits.
struct LargestSizes {
  struct Picture {
    std::int64_t width, height;
  };
  std::optional<Picture> picture;      ///< near the request's aspect ratio, with its frames
  std::optional<std::int64_t> frames;  ///< with the request's width and height
};

/// Memory that a request takes, in bytes; grows with the request.
using ForecastNeed = std::function<std::int64_t(const Request&)>;

/// Each makes a few dry runs: four or five if memory grows evenly.
std::optional<LargestSizes::Picture> largest_picture(const SizeSteps& steps, const Request& request,
                                                     const ForecastNeed& need,
                                                     std::int64_t limit_bytes);
std::optional<std::int64_t> most_frames(const SizeSteps& steps, const Request& request,
                                        const ForecastNeed& need, std::int64_t limit_bytes);

/// Both at one level.
LargestSizes largest_sizes(const LevelForecaster& forecaster, int level, const Request& request,
                           bool longest_prompts, std::int64_t limit_bytes);

}  // namespace chitu::pipelines
