#pragma once

#include <cstdint>

#include "chitu_core/memory/stream/layer_layout.h"
#include "chitu_core/memory/stream_observer.h"

namespace chitu::memory {

/// What a stream has copied to the device, or is copying, since it began.
struct StreamTraffic {
  std::int64_t layers = 0;
  std::int64_t bytes = 0;
};

/// Counts what a stream copies, and reports it to the observer of the current passes. Not
/// thread-safe: the stream holds its lock.
class StreamReport {
 public:
  /// observer  may be null; stays valid until the next call
  void set_observer(StreamObserver* observer) { observer_ = observer; }
  bool is_observed() const { return observer_ != nullptr; }

  void tell(const StreamEvent& event) noexcept {
    if (observer_) observer_->streamed(event);
  }
  /// An event that ends now.
  void tell(StreamEvent::Kind kind, const LayerLayout& layer, std::int64_t bytes,
            StreamEvent::Clock::time_point begin) noexcept {
    tell({kind, layer.index(), bytes, begin, StreamEvent::Clock::now()});
  }

  void count(const LayerLayout& layer) {
    ++traffic_.layers;
    traffic_.bytes += layer.bytes();
  }
  StreamTraffic traffic() const { return traffic_; }

 private:
  StreamObserver* observer_ = nullptr;
  StreamTraffic traffic_;
};

}  // namespace chitu::memory
