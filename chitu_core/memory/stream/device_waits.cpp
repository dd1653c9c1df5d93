#include "chitu_core/memory/stream/device_waits.h"

#include <spdlog/spdlog.h>

#include "chitu_core/common/log.h"

namespace chitu::memory {

c10::Event DeviceWaits::mark(const c10::Stream& stream) {
  c10::Event event(stream.device_type(), c10::EventFlag::BACKEND_DEFAULT);
  event.record(stream);
  return event;
}

void DeviceWaits::tell_finished(StreamReport& report) noexcept {
  try {
    for (; !waits_.empty() && waits_.front().to.query(); waits_.pop_front()) {
      const Wait& wait = waits_.front();
      const auto lasted = std::chrono::duration_cast<StreamEvent::Clock::duration>(
          std::chrono::duration<double, std::milli>(wait.from.elapsedTime(wait.to)));
      report.tell({StreamEvent::Kind::wait, wait.layer->index(), wait.layer->bytes(), wait.begin,
                   wait.begin + lasted});
    }
  } catch (const std::exception& error) {  // the device failed; its next call throws
    waits_.clear();
    logger("memory")->debug("streamed layers: {}", error.what());
  }
}

}  // namespace chitu::memory
