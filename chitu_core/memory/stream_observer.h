#pragma once

#include <chrono>
#include <cstdint>

namespace chitu::memory {

/// What a stream of weights did for one layer, and when.
struct StreamEvent {
  using Clock = std::chrono::steady_clock;
  enum class Kind {
    disk_read,       ///< a thread read the layer and cast it into a slab of the host
    host_to_device,  ///< a thread copied that slab to the device
    wait,            ///< the model stood still until the layer was there
  };
  Kind kind;
  std::int64_t layer;
  std::int64_t bytes;  ///< of the layer, as it computes
  Clock::time_point begin, end;
};

/// Told what a LayerStream does, by the threads that do it: one at a time, and the stream waits
/// meanwhile, so the call must be short, must not call the stream, and cannot throw.
class StreamObserver {
 public:
  virtual ~StreamObserver() = default;
  virtual void streamed(const StreamEvent& event) noexcept = 0;
};

}  // namespace chitu::memory
