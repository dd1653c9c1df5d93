#include "chitu_core/device/device.h"

#include <ATen/Context.h>
#include <ATen/DeviceAccelerator.h>
#include <c10/core/AllocatorConfig.h>
#include <c10/core/CachingDeviceAllocator.h>
#include <c10/core/impl/VirtualGuardImpl.h>

#include <cstdlib>
#include <fstream>
#include <optional>

#include "chitu_core/common/error.h"
#include "chitu_core/common/nearest.h"
#include "chitu_core/device/host_memory.h"
#include "chitu_core/device/sim.h"

namespace chitu::device {
namespace {

/// Lets segments of the CUDA allocator grow, so that memory freed by one stage serves tensors of
/// any size in the next; segments of fixed sizes stay split, and more memory is reserved than the
/// plan says. The user's own settings win.
void let_segments_grow(c10::DeviceType type) {
  if (type != c10::kCUDA) return;
  for (const char* name : {"PYTORCH_ALLOC_CONF", "PYTORCH_CUDA_ALLOC_CONF"})
    if (std::getenv(name)) return;
  c10::CachingAllocator::setAllocatorSettings("expandable_segments:True");
}

std::optional<c10::DeviceType> accelerator() {
  // Asked once, because libtorch returns sim as soon as it is registered, and sim is used only by
  // name. An accelerator build of libtorch may run on a machine without one.
  static const auto first = []() -> std::optional<c10::DeviceType> {
    const auto found = at::accelerator::getAccelerator(false);
    if (!found || *found == c10::kPrivateUse1 || at::accelerator::deviceCount() == 0)
      return std::nullopt;
    let_segments_grow(*found);
    return *found;
  }();
  return first;
}

std::int64_t status_bytes(std::string_view field) {
  return kernel_bytes("/proc/self/status", field);
}

/// The allocator of an accelerator. Until libtorch has set the accelerator up, which it does at the
/// first allocation, the allocator refuses every question.
c10::DeviceAllocator& allocator_of(c10::Device device) {
  at::globalContext().lazyInitDevice(device.type());
  return *at::getDeviceAllocator(device.type());
}

MemoryRoom host_room() {
  const HostMemory memory = host_memory();
  return {memory.room_bytes(), memory.free_bytes()};
}

}  // namespace

bool has_accelerator() { return accelerator().has_value(); }

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
std::int64_t owned_bytes() { return status_bytes("RssAnon:") + status_bytes("RssShmem:"); }

MemoryUse memory_use(c10::Device device) {
  if (device.is_cpu()) {
    const std::int64_t now = resident_bytes();
    return {now, now, peak_resident_bytes()};
  }
  const auto stats = allocator_of(device).getDeviceStats(device.index());
  const auto all = static_cast<std::size_t>(c10::CachingAllocator::StatType::AGGREGATE);
  return {stats.allocated_bytes[all].current, stats.reserved_bytes[all].current,
          stats.allocated_bytes[all].peak};
}

MemoryRoom memory_room(c10::Device device) {
  if (device.is_cpu()) return host_room();
  const auto [free, total] = allocator_of(device).getMemoryInfo(device.index());
  return {static_cast<std::int64_t>(total), static_cast<std::int64_t>(free)};
}

void reset_peak(c10::Device device) {
  if (device.is_cpu()) {
    // 5 resets VmHWM to the current resident set. A kernel without it keeps the older peak.
    std::ofstream("/proc/self/clear_refs") << "5";
    return;
  }
  allocator_of(device).resetPeakStats(device.index());
}

void synchronize(c10::Device device) {
  if (device.is_cpu()) return;
  c10::impl::VirtualGuardImpl(device.type()).synchronizeDevice(device.index());
}

}  // namespace chitu::device
