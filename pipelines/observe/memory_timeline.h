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

/// Samples how much memory of a device is allocated, every few milliseconds and on request, in its
/// own thread. Long runs are sampled less often, so that the list stays small.
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
  /// Replaces the largest sample since `begin` by a peak that the allocator recorded in that time:
  /// the moment is a guess, the height is exact. Returns that moment.
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
