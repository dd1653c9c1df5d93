#pragma once

#include <chrono>
#include <cstdint>

namespace chitu::memory {

/// What a stream of weights did for one layer, and when; on a device of its own, what that device
/// did.
struct StreamEvent {
  using Clock = std::chrono::steady_clock;
  enum class Kind {
    disk_read,       ///< a thread read the layer, or a chunk of it, and cast it on the host
    host_to_device,  ///< the layer was copied to the device
    wait,            ///< the model stood still until the layer was there
  };
  Kind kind;
  std::int64_t layer;
  std::int64_t bytes;  ///< of the layer or the chunk, as it waits for its use
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
