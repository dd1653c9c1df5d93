#pragma once

#include <c10/core/Event.h>

#include <deque>
#include <utility>

#include "chitu_core/memory/stream/stream_report.h"

namespace chitu::memory {

/// How long a device waits for the copies of its layers, measured by events in its own queue:
/// the host need not wait for the device.
class DeviceWaits {
 public:
  /// An event that records its time, queued on the stream.
  static c10::Event mark(const c10::Stream& stream);

  /// Adds a wait between two marks.
  void add(const LayerLayout& layer, StreamEvent::Clock::time_point begin, c10::Event from,
           c10::Event to) {
    waits_.push_back({&layer, begin, std::move(from), std::move(to)});
  }
  /// Reports the waits that are over. Those that are not stay for the next call.
  void tell_finished(StreamReport& report) noexcept;
  void clear() { waits_.clear(); }

 private:
  struct Wait {
    const LayerLayout* layer;
    StreamEvent::Clock::time_point begin;
    c10::Event from, to;
  };
  std::deque<Wait> waits_;
};

}  // namespace chitu::memory
