#pragma once

#include <c10/core/CachingDeviceAllocator.h>

#include <functional>
#include <mutex>

#include "chitu_core/device/sim.h"

namespace chitu::device::sim {

inline constexpr auto kType = c10::DeviceType::PrivateUse1;

/// The allocator of the simulated device and its counters. Thread-safe.
class Memory final : public c10::DeviceAllocator {
 public:
  static Memory& instance();

  void configure(const SimOptions& options);
  void inject(const SimFaults& faults);
  SimTraffic traffic() const;

  /// Counts host memory as the device's until it is freed.
  ///
  /// throws  c10::OutOfMemoryError "sim: out of memory: asked ..., used ..., free ... of ..."
  c10::DataPtr adopt(c10::DataPtr host, std::int64_t bytes);
  /// Counts a copy between host and device before it is made.
  ///
  /// throws  c10::Error for an injected fault
  void book_copy(std::int64_t bytes, bool to_device);
  /// throws  c10::Error for an injected fault
  void book_pinning(std::int64_t bytes);
  /// Makes a counted copy, and takes as long as its direction's bandwidth implies.
  void transfer(std::int64_t bytes, bool to_device, const std::function<void()>& copy);

  c10::DataPtr allocate(std::size_t bytes) override;
  c10::DeleterFnPtr raw_deleter() const override { return nullptr; }
  void copy_data(void* to, const void* from, std::size_t bytes) const override;
  bool initialized() override { return true; }
  void emptyCache(c10::MempoolId_t) override {}
  void recordStream(const c10::DataPtr&, c10::Stream) override {}
  c10::CachingDeviceAllocator::DeviceStats getDeviceStats(c10::DeviceIndex) override;
  void resetAccumulatedStats(c10::DeviceIndex) override {}
  void resetPeakStats(c10::DeviceIndex) override;
  std::pair<std::size_t, std::size_t> getMemoryInfo(c10::DeviceIndex) override;

 private:
  struct Block;
  static void release(void* block);
  void reserve(std::int64_t bytes);
  std::int64_t capacity() const;

  /// One direction between host and device; its copies run one after another.
  struct Lane {
    std::mutex busy;
    std::optional<double> bytes_per_second;
  };

  mutable std::mutex mutex_;
  SimOptions options_;
  SimTraffic traffic_;
  SimFaults faults_;
  std::int64_t used_ = 0;
  std::int64_t peak_ = 0;
  Lane h2d_, d2h_;
};

}  // namespace chitu::device::sim
