#pragma once

#include <cstdint>
#include <string_view>

namespace chitu::pipeline {

/// Told what a run does as it does it. The progress bar, the log and metrics.json are observers; a
/// user's own class is another. Calls come from the thread that runs the graph, in order.
class Observer {
 public:
  virtual ~Observer() = default;
  virtual void stage_begin(std::string_view /*stage*/) {}
  virtual void stage_end(std::string_view /*stage*/) {}
  /// A step of the denoising loop; index counts from 0.
  virtual void step_begin(int /*index*/, int /*count*/) {}
  virtual void step_end(int /*index*/, int /*count*/) {}
  /// A component's weights reached its device; `bytes` is what they take there.
  virtual void component_onloaded(std::string_view /*component*/, std::int64_t /*bytes*/) {}
  virtual void component_offloaded(std::string_view /*component*/) {}
};

}  // namespace chitu::pipeline
