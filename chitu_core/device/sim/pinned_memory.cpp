#include "chitu_core/device/sim/pinned_memory.h"

#include <c10/core/CPUAllocator.h>

#include <cstring>

#include "chitu_core/device/sim/memory.h"

namespace chitu::device::sim {
namespace {

std::uintptr_t address(const void* data) { return reinterpret_cast<std::uintptr_t>(data); }

}  // namespace

struct PinnedMemory::Block {
  c10::DataPtr host;
};

PinnedMemory& PinnedMemory::instance() {
  static auto* memory = new PinnedMemory;  // tensors may outlive every static
  return *memory;
}

c10::DataPtr PinnedMemory::allocate(std::size_t bytes) {
  Memory::instance().book_pinning(static_cast<std::int64_t>(bytes));
  auto* block = new Block{c10::GetCPUAllocator()->allocate(bytes)};
  void* data = block->host.get();
  const std::lock_guard lock(mutex_);
  ends_[address(data)] = address(data) + bytes;
  return {data, block, &release, c10::kCPU};
}

void PinnedMemory::release(void* block) {
  auto* owned = static_cast<Block*>(block);
  PinnedMemory& memory = instance();
  {
    const std::lock_guard lock(memory.mutex_);
    memory.ends_.erase(address(owned->host.get()));
  }
  delete owned;
}

void PinnedMemory::copy_data(void* to, const void* from, std::size_t bytes) const {
  std::memcpy(to, from, bytes);
}

bool PinnedMemory::holds(const void* data) const {
  const std::lock_guard lock(mutex_);
  const auto after = ends_.upper_bound(address(data));
  return after != ends_.begin() && address(data) < std::prev(after)->second;
}

}  // namespace chitu::device::sim
