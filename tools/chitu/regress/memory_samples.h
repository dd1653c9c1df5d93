#pragma once

#include <c10/core/Device.h>

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "chitu_core/graph/events.h"
#include "pipelines/compare/memory_curves.h"
#include "pipelines/observe/memory_timeline.h"

namespace chitu::tools {

/// Watches the device memory of a run, for a picture. What it samples differs from run to run; the
/// peak of each stage is exact.
class MemorySamples final : public graph::Observer {
 public:
  explicit MemorySamples(c10::Device device) : device_(device) {}

  void stage_begin(std::string_view stage) override;
  void stage_end(std::string_view stage) override;
  void step_begin(int index, int count) override;
  void step_end(int index, int count) override;
  void component_onloaded(std::string_view component, std::int64_t bytes) override;

  /// Stops sampling and returns the curve, reduced to its highest points.
  pipelines::MemoryCurve finish(std::string name);

 private:
  using Clock = pipelines::MemoryTimeline::Clock;
  struct Stage {
    Clock::time_point begin, end;
  };
  double place_of(Clock::time_point at) const;

  c10::Device device_;
  std::optional<pipelines::MemoryTimeline> timeline_;  ///< from the first stage on
  std::vector<Stage> stages_;
};

/// The curve as CSV, a line `stage,bytes` for each point; and back.
///
/// throws  InputError "<file>:<line>: ..."
std::string to_csv(const pipelines::MemoryCurve& curve);
pipelines::MemoryCurve read_curve(std::string name, const std::filesystem::path& file);

}  // namespace chitu::tools
