#pragma once

#include <cstdint>
#include <string_view>

#include "chitu_core/memory/stream_observer.h"

namespace at {
class Tensor;
}

namespace chitu::graph {

/// Told what a run does as it does it. The progress bar, the log and metrics.json are observers; a
/// user's own class is another. Calls come from the thread that runs the graph, in order; only
/// layer_streamed() comes from the threads of a stream as well.
class Observer {
 public:
  virtual ~Observer() = default;
  virtual void stage_begin(std::string_view /*stage*/) {}
  virtual void stage_end(std::string_view /*stage*/) {}
  /// A step of the denoising loop; index counts from 0.
  virtual void step_begin(int /*index*/, int /*count*/) {}
  virtual void step_end(int /*index*/, int /*count*/) {}
  /// A dry run leaves out so many steps that follow in this stage: each is like the last one.
  virtual void steps_left_out(std::int64_t /*count*/) {}
  /// A component's weights reached its device; `bytes` is what they take there.
  virtual void component_onloaded(std::string_view /*component*/, std::int64_t /*bytes*/) {}
  virtual void component_offloaded(std::string_view /*component*/) {}
  /// A layer computes; its weights are there. index counts from 0 in every pass.
  virtual void layer_begin(std::string_view /*component*/, std::int64_t /*index*/) {}
  virtual void layer_end(std::string_view /*component*/, std::int64_t /*index*/) {}
  /// Something was done to bring a layer's weights in. As memory::StreamObserver says.
  virtual void layer_streamed(std::string_view /*component*/,
                              const memory::StreamEvent& /*event*/) noexcept {}
  /// The latents after a step, [1, C, F, H, W] float32 where they are computed. They are finite and
  /// are not written any more. In a dry run they hold no data.
  virtual void latents_changed(int /*index*/, int /*count*/, const at::Tensor& /*latents*/) {}
};

}  // namespace chitu::graph
