#pragma once

#include <c10/core/Allocator.h>

#include <cstdint>
#include <map>
#include <mutex>

namespace chitu::device::sim {

/// Host memory for asynchronous copies of the simulated device. Thread-safe.
class PinnedMemory final : public c10::Allocator {
 public:
  static PinnedMemory& instance();

  c10::DataPtr allocate(std::size_t bytes) override;
  void copy_data(void* to, const void* from, std::size_t bytes) const override;
  /// Whether the byte is in pinned memory.
  bool holds(const void* data) const;

 private:
  struct Block;
  static void release(void* block);

  mutable std::mutex mutex_;
  std::map<std::uintptr_t, std::uintptr_t> ends_;  ///< end of each block, by its begin
};

}  // namespace chitu::device::sim
