#pragma once

#include <chrono>
#include <cstdint>

namespace chitu::memory {

/// What a layer stream did for one layer, and when. Copies to a device and waits on it have the
/// device's own times.
struct StreamEvent {
  using Clock = std::chrono::steady_clock;
  enum class Kind {
    disk_read,       ///< a thread read the layer, or a chunk of it, and cast it on the host
    host_to_device,  ///< the layer was copied to the device
    wait,            ///< the model waited for the layer
  };
  Kind kind;
  std::int64_t layer;
  std::int64_t bytes;  ///< of the layer or the chunk, in the dtype it is stored in
  Clock::time_point begin, end;
};

/// Receives the events of a LayerStream. They come from several threads, one at a time, while the
/// stream's lock is held: a call must be short and must not call the stream.
class StreamObserver {
 public:
  virtual ~StreamObserver() = default;
  virtual void streamed(const StreamEvent& event) noexcept = 0;
};

}  // namespace chitu::memory
