#pragma once

#include <c10/core/Device.h>

#include "chitu_core/device/traffic.h"
#include "chitu_core/graph/events.h"
#include "tools/chitu/batch/journal.h"

namespace chitu::tools {

/// Counts what a window of jobs takes: loads of components, and bytes moved.
class WindowMeter final : public graph::Observer {
 public:
  explicit WindowMeter(c10::Device device);

  void component_onloaded(std::string_view component, std::int64_t bytes) override;

  /// The counts since the construction or the last call.
  WindowRecord take(std::vector<std::size_t> jobs);

 private:
  c10::Device device_;
  std::map<std::string, std::int64_t> loads_;
  device::Traffic traffic_;
  std::int64_t disk_bytes_;
};

}  // namespace chitu::tools
