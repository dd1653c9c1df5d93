#pragma once

#include <cstdint>
#include <string_view>

#include "chitu_core/memory/stream_observer.h"

namespace at {
class Tensor;
}

namespace chitu::graph {

/// Receives the events of a run. The progress bar, the log and metrics.json are observers; a user's
/// own class can be another. Calls come in order from the thread that runs the graph, except
/// layer_streamed(), which also comes from the threads of a stream.
class Observer {
 public:
  virtual ~Observer() = default;
  virtual void stage_begin(std::string_view /*stage*/) {}
  virtual void stage_end(std::string_view /*stage*/) {}
  /// A step of the denoising loop; index counts from 0.
  virtual void step_begin(int /*index*/, int /*count*/) {}
  virtual void step_end(int /*index*/, int /*count*/) {}
  /// A dry run skips this many steps that follow in this stage; each is like the last one.
  virtual void steps_left_out(std::int64_t /*count*/) {}
  /// A component's weights are on its device and take `bytes` there.
  virtual void component_onloaded(std::string_view /*component*/, std::int64_t /*bytes*/) {}
  virtual void component_offloaded(std::string_view /*component*/) {}
  /// A layer starts to compute, with its weights loaded. index counts from 0 in every pass.
  virtual void layer_begin(std::string_view /*component*/, std::int64_t /*index*/) {}
  virtual void layer_end(std::string_view /*component*/, std::int64_t /*index*/) {}
  /// A part of the work that loads a layer's weights. As memory::StreamObserver.
  virtual void layer_streamed(std::string_view /*component*/,
                              const memory::StreamEvent& /*event*/) noexcept {}
  /// The latents after a step, [1, C, F, H, W] float32 where they are computed. They are finite and
  /// are not written any more. In a dry run they hold no data.
  virtual void latents_changed(int /*index*/, int /*count*/, const at::Tensor& /*latents*/) {}
};

}  // namespace chitu::graph
