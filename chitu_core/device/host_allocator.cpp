#include "chitu_core/device/host_allocator.h"

#include <c10/core/CPUAllocator.h>
#include <fmt/format.h>
#include <malloc.h>

#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <mutex>

namespace chitu::device {
namespace {

constexpr std::size_t kAlignment = 64;  // of libtorch's own allocator

/// The block's address is stored right before the returned memory, so a pointer is enough to free
/// it.
void free_aligned(void* data) {
  if (data) std::free(static_cast<void**>(data)[-1]);
}

class HostAllocator final : public c10::Allocator {
 public:
  c10::DataPtr allocate(std::size_t bytes) override {
    if (bytes == 0) return {nullptr, nullptr, &free_aligned, c10::Device(c10::kCPU)};
    void* block = std::malloc(bytes + kAlignment + sizeof(void*));
    TORCH_CHECK_WITH(OutOfMemoryError, block,
                     fmt::format("{}: asked {} bytes", kHostIsFull, bytes));
    const auto first = reinterpret_cast<std::uintptr_t>(block) + sizeof(void*);
    void* data = reinterpret_cast<void*>((first + kAlignment - 1) / kAlignment * kAlignment);
    static_cast<void**>(data)[-1] = block;
    return {data, data, &free_aligned, c10::Device(c10::kCPU)};
  }
  c10::DeleterFnPtr raw_deleter() const override { return &free_aligned; }
  void copy_data(void* to, const void* from, std::size_t bytes) const override {
    std::memcpy(to, from, bytes);
  }
};

}  // namespace

void reuse_host_memory() {
  static std::once_flag done;
  std::call_once(done, [] {
    static HostAllocator allocator;
    c10::SetCPUAllocator(&allocator);
    ::mallopt(M_MMAP_THRESHOLD, 32 << 20);
    ::mallopt(M_TRIM_THRESHOLD, 256 << 20);
  });
}

}  // namespace chitu::device
