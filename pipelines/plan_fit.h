#pragma once

#include <cstdint>
#include <optional>

#include "pipelines/level_planner.h"

namespace chitu::pipelines {

/// The largest requests that a limit allows, each in one direction; empty where nothing does.
struct LargestSizes {
  struct Picture {
    std::int64_t width, height;
  };
  std::optional<Picture> picture;      ///< near the request's aspect ratio, with its frames
  std::optional<std::int64_t> frames;  ///< with the request's width and height
};

/// Plans some sizes, four or five in each direction where peaks grow evenly.
LargestSizes largest_sizes(const LevelPlanner& planner, int level, const Request& request,
                           bool longest_prompts, std::int64_t limit_bytes);

}  // namespace chitu::pipelines
