#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace chitu::pipelines {

/// Memory of a device over a run. Seconds count from an arbitrary moment.
struct MemoryChart {
  struct Sample {
    double at_s;
    std::int64_t bytes;
  };
  struct Stage {
    std::string name;
    double begin_s, end_s;
    double peak_s;  ///< when it held the most
    std::int64_t peak_bytes;
  };
  std::string title;
  std::vector<Sample> samples;  ///< in order of time
  std::vector<Stage> stages;
};

/// The chart as an SVG picture: the stages shaded and labelled, the highest peak marked.
std::string memory_svg(const MemoryChart& chart);

}  // namespace chitu::pipelines
