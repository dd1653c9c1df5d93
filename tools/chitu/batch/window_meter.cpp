#include "tools/chitu/batch/window_meter.h"

#include <utility>

#include "chitu_core/io/safetensors.h"

namespace chitu::tools {

WindowMeter::WindowMeter(c10::Device device)
    : device_(device), traffic_(device::traffic(device)), disk_bytes_(io::read_bytes()) {}

void WindowMeter::component_onloaded(std::string_view component, std::int64_t) {
  ++loads_[std::string(component)];
}

WindowRecord WindowMeter::take(std::vector<std::size_t> jobs) {
  const auto before = std::exchange(traffic_, device::traffic(device_));
  const auto disk_before = std::exchange(disk_bytes_, io::read_bytes());
  return {std::move(jobs), std::exchange(loads_, {}), traffic_.h2d_bytes - before.h2d_bytes,
          traffic_.d2h_bytes - before.d2h_bytes, disk_bytes_ - disk_before};
}

}  // namespace chitu::tools
