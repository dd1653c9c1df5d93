#include "chitu_core/device/device.h"

#include <ATen/DeviceAccelerator.h>
#include <c10/core/CachingDeviceAllocator.h>
#include <c10/core/impl/VirtualGuardImpl.h>

#include <fstream>

#include "chitu_core/common/error.h"
#include "chitu_core/common/nearest.h"
#include "chitu_core/device/sim.h"

namespace chitu::device {
namespace {

std::optional<c10::DeviceType> accelerator() {
  // The current process may hold an accelerator build of libtorch and yet no such device.
  const auto found = at::accelerator::getAccelerator(false);
  if (!found || at::accelerator::deviceCount() == 0) return std::nullopt;
  if (*found == c10::kPrivateUse1) return std::nullopt;  // sim is taken by its name alone
  return *found;
}

/// A field of /proc/self/status, such as VmHWM, in bytes; 0 where the system has no such file.
std::int64_t status_bytes(std::string_view field) {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.rfind(field, 0) != 0) continue;
    return std::stoll(line.substr(field.size() + 1)) * 1024;
  }
  return 0;
}

}  // namespace

std::vector<std::string> available() {
  std::vector<std::string> names{"cpu", "sim"};
  if (const auto type = accelerator()) {
    const auto count = at::accelerator::deviceCount();
    for (int index = 0; index < count; ++index)
      names.push_back(c10::DeviceTypeName(*type, true) + ":" + std::to_string(index));
  }
  return names;
}

c10::Device resolve(std::string_view name) {
  if (name == "cpu") return c10::kCPU;
  const auto type = accelerator();
  if (name == "auto") return type ? c10::Device(*type, 0) : c10::Device(c10::kCPU);
  const auto names = available();
  for (const std::string& known : names) {
    if (known == "sim" && name == known) return configure_sim({});
    // "cuda" means the first of its kind.
    if (name == known || std::string(name) + ":0" == known) return c10::Device(known);
  }
  throw InputError("device=" + std::string(name) +
                   ": no such device here, expected auto or one of " + join(names));
}

std::int64_t resident_bytes() { return status_bytes("VmRSS:"); }
std::int64_t peak_resident_bytes() { return status_bytes("VmHWM:"); }

MemoryUse memory_use(c10::Device device) {
  if (device.is_cpu()) {
    const std::int64_t now = resident_bytes();
    return {now, now, peak_resident_bytes()};
  }
  const auto stats = at::getDeviceAllocator(device.type())->getDeviceStats(device.index());
  const auto all = static_cast<std::size_t>(c10::CachingAllocator::StatType::AGGREGATE);
  return {stats.allocated_bytes[all].current, stats.reserved_bytes[all].current,
          stats.allocated_bytes[all].peak};
}

void reset_peak(c10::Device device) {
  if (device.is_cpu()) {
    // 5 resets VmHWM to the resident set of now; a kernel that refuses keeps the older peak.
    std::ofstream("/proc/self/clear_refs") << "5";
    return;
  }
  at::getDeviceAllocator(device.type())->resetPeakStats(device.index());
}

void synchronize(c10::Device device) {
  if (device.is_cpu()) return;
  c10::impl::VirtualGuardImpl(device.type()).synchronizeDevice(device.index());
}

}  // namespace chitu::device
