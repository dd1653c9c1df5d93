#pragma once

#include <c10/core/Device.h>

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace chitu::pipelines {

/// Samples how much memory of a device is allocated, every few milliseconds and whenever it is
/// asked to, in a thread of its own. Long runs are sampled less often, so that it stays small.
class MemoryTimeline {
 public:
  using Clock = std::chrono::steady_clock;
  struct Sample {
    Clock::time_point at;
    std::int64_t bytes;
  };

  explicit MemoryTimeline(c10::Device device);
  ~MemoryTimeline() { stop(); }
  MemoryTimeline(const MemoryTimeline&) = delete;
  MemoryTimeline& operator=(const MemoryTimeline&) = delete;

  /// Takes a sample now.
  void sample();
  /// Puts a peak that the allocator saw since `begin` in the place of the largest sample since
  /// then: the moment is a guess, the height is not. Returns that moment.
  Clock::time_point raise_to(std::int64_t peak_bytes, Clock::time_point begin);
  void stop();
  /// In order of time.
  std::vector<Sample> samples() const;

 private:
  void run();
  void add(Sample sample);

  c10::Device device_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<Sample> samples_;
  Clock::duration interval_;
  bool stopped_ = false;
  std::jthread thread_;
};

}  // namespace chitu::pipelines
