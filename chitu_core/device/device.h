#pragma once

#include <c10/core/Device.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace chitu::device {

/// The device that the key `device` names: auto (the accelerator that libtorch finds, else the
/// CPU), cpu, or an accelerator as libtorch writes it (cuda, cuda:1).
/// Throws InputError when there is no such device here, naming those that there are.
c10::Device resolve(std::string_view name);

/// Whether libtorch finds an accelerator here; sim is none.
bool has_accelerator();

/// The devices at hand, "cpu" first.
std::vector<std::string> available();

/// Bytes that a device's allocator holds. On the CPU `allocated` is the process's resident set.
struct MemoryUse {
  std::int64_t allocated_bytes = 0;
  std::int64_t reserved_bytes = 0;
  std::int64_t peak_bytes = 0;  ///< most allocated since the last reset_peak()
};
MemoryUse memory_use(c10::Device device);
void reset_peak(c10::Device device);

/// What the device has in all, and what of it nobody holds at present. On the CPU the system's
/// memory, or what control groups allow this process (host_memory.h); what the kernel reclaims when
/// asked counts as free there.
struct MemoryRoom {
  std::int64_t total_bytes = 0;
  std::int64_t free_bytes = 0;
};
MemoryRoom memory_room(c10::Device device);

/// The process's resident set now and at its highest since start or reset_peak(cpu), in bytes.
/// Read from /proc/self/status.
std::int64_t resident_bytes();
std::int64_t peak_resident_bytes();

/// Of the resident set what is the process's own, in bytes; the rest are pages of files, which the
/// kernel reclaims and memory_room() counts as free.
std::int64_t owned_bytes();

/// Waits until all work queued on the device is done. Nothing to wait for on the CPU.
void synchronize(c10::Device device);

}  // namespace chitu::device
