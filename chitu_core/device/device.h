#pragma once

#include <c10/core/Device.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace chitu::device {

/// The device that the key `device` names: auto (the accelerator that libtorch finds, else the
/// CPU), cpu, sim, or an accelerator as libtorch writes it (cuda, cuda:1).
/// Throws InputError if this machine has no such device; lists those it has.
c10::Device resolve(std::string_view name);

/// Whether libtorch finds an accelerator; sim does not count.
bool has_accelerator();

/// The devices of this machine, "cpu" first.
std::vector<std::string> available();

/// Bytes of a device's allocator. On the CPU `allocated_bytes` is the process's resident set.
struct MemoryUse {
  std::int64_t allocated_bytes = 0;
  std::int64_t reserved_bytes = 0;
  std::int64_t peak_bytes = 0;  ///< most allocated since the last reset_peak()
};
MemoryUse memory_use(c10::Device device);
void reset_peak(c10::Device device);

/// A device's total and free memory. On the CPU: the system's, or what control groups allow this
/// process (host_memory.h); memory that the kernel can reclaim counts as free.
struct MemoryRoom {
  std::int64_t total_bytes = 0;
  std::int64_t free_bytes = 0;
};
MemoryRoom memory_room(c10::Device device);

/// The process's resident set in bytes: now, and its peak since the start or reset_peak(cpu). From
/// /proc/self/status.
std::int64_t resident_bytes();
std::int64_t peak_resident_bytes();

/// Bytes of the resident set without pages of files, which the kernel can reclaim and
/// memory_room() counts as free.
std::int64_t owned_bytes();

/// Waits until all work queued on the device is done. Returns at once on the CPU.
void synchronize(c10::Device device);

}  // namespace chitu::device
