#include "chitu_core/device/sim/memory.h"

#include <c10/core/CPUAllocator.h>
#include <fmt/format.h>

#include <chrono>
#include <cstring>
#include <thread>

#include "chitu_core/device/dry_run_books.h"
#include "chitu_core/device/host_memory.h"

namespace chitu::device::sim {
namespace {

std::int64_t host_bytes() {
  static const std::int64_t bytes = host_memory().room_bytes();
  return bytes;
}

/// True once, when the countdown reaches the call that is to fail.
bool strikes(std::int64_t& fault) { return fault > 0 && --fault == 0; }

}  // namespace

struct Memory::Block {
  c10::DataPtr host;
  std::int64_t bytes;
};

Memory& Memory::instance() {
  static Memory* memory = new Memory;  // tensors may outlive every static
  return *memory;
}

void Memory::configure(const SimOptions& options) {
  const std::lock_guard lock(mutex_);
  options_ = options;
  h2d_.bytes_per_second = options.h2d_bytes_per_second;
  d2h_.bytes_per_second = options.d2h_bytes_per_second;
}

void Memory::inject(const SimFaults& faults) {
  const std::lock_guard lock(mutex_);
  faults_ = faults;
}

SimTraffic Memory::traffic() const {
  const std::lock_guard lock(mutex_);
  return traffic_;
}

std::int64_t Memory::capacity() const { return options_.capacity_bytes.value_or(host_bytes()); }

void Memory::reserve(std::int64_t bytes) {
  const std::lock_guard lock(mutex_);
  ++traffic_.allocations;
  if (strikes(faults_.allocation) || used_ + bytes > capacity())
    TORCH_CHECK_WITH(OutOfMemoryError, false,
                     fmt::format("sim: out of memory: asked {} bytes, used {}, free {} of {}",
                                 bytes, used_, capacity() - used_, capacity()));
  used_ += bytes;
  peak_ = std::max(peak_, used_);
}

void Memory::release(void* block) {
  const auto* owned = static_cast<Block*>(block);
  Memory& memory = instance();
  {
    const std::lock_guard lock(memory.mutex_);
    memory.used_ -= owned->bytes;
  }
  delete owned;
}

c10::DataPtr Memory::adopt(c10::DataPtr host, std::int64_t bytes) {
  reserve(bytes);
  void* data = host.get();
  return {data, new Block{std::move(host), bytes}, &release, c10::Device(kType, 0)};
}

c10::DataPtr Memory::allocate(std::size_t bytes) {
  const auto count = static_cast<std::int64_t>(bytes);
  if (auto* books = DryRun::Books::current()) return books->allocate(count, DryRun::device());
  reserve(count);
  auto host = c10::GetCPUAllocator()->allocate(bytes);
  void* data = host.get();
  return {data, new Block{std::move(host), count}, &release, c10::Device(kType, 0)};
}

void Memory::copy_data(void* to, const void* from, std::size_t bytes) const {
  std::memcpy(to, from, bytes);
}

void Memory::book_copy(std::int64_t bytes, bool to_device) {
  const std::lock_guard lock(mutex_);
  (to_device ? traffic_.h2d_copies : traffic_.d2h_copies) += 1;
  (to_device ? traffic_.h2d_bytes : traffic_.d2h_bytes) += bytes;
  TORCH_CHECK(!strikes(faults_.copy), "sim: a copy of ", bytes, " bytes failed");
}

void Memory::book_pinning(std::int64_t bytes) {
  const std::lock_guard lock(mutex_);
  TORCH_CHECK(!strikes(faults_.pinning), "sim: pinning ", bytes, " bytes failed");
}

void Memory::transfer(std::int64_t bytes, bool to_device, const std::function<void()>& copy) {
  Lane& lane = to_device ? h2d_ : d2h_;
  if (!lane.bytes_per_second) return copy();
  const std::lock_guard turn(lane.busy);
  const auto arrival =
      std::chrono::steady_clock::now() +
      std::chrono::duration<double>(static_cast<double>(bytes) / *lane.bytes_per_second);
  copy();
  std::this_thread::sleep_until(arrival);
}

c10::CachingDeviceAllocator::DeviceStats Memory::getDeviceStats(c10::DeviceIndex) {
  const std::lock_guard lock(mutex_);
  c10::CachingDeviceAllocator::DeviceStats stats;
  const auto all = static_cast<std::size_t>(c10::CachingAllocator::StatType::AGGREGATE);
  for (auto* stat : {&stats.allocated_bytes[all], &stats.reserved_bytes[all]}) {
    stat->current = used_;
    stat->peak = peak_;
  }
  return stats;
}

void Memory::resetPeakStats(c10::DeviceIndex) {
  const std::lock_guard lock(mutex_);
  peak_ = used_;
}

std::pair<std::size_t, std::size_t> Memory::getMemoryInfo(c10::DeviceIndex) {
  const std::lock_guard lock(mutex_);
  return {static_cast<std::size_t>(capacity() - used_), static_cast<std::size_t>(capacity())};
}

}  // namespace chitu::device::sim
