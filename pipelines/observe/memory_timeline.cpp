#include "pipelines/observe/memory_timeline.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <exception>

#include "chitu_core/common/log.h"
#include "chitu_core/common/thread.h"
#include "chitu_core/device/device.h"

namespace chitu::pipelines {
namespace {

constexpr std::chrono::milliseconds kFirstInterval{5};
constexpr std::size_t kMostSamples = 16384;

bool earlier(const MemoryTimeline::Sample& a, const MemoryTimeline::Sample& b) {
  return a.at < b.at;
}

bool smaller(const MemoryTimeline::Sample& a, const MemoryTimeline::Sample& b) {
  return a.bytes < b.bytes;
}

}  // namespace

MemoryTimeline::MemoryTimeline(c10::Device device)
    : device_(device), interval_(kFirstInterval), thread_(start_thread([this] { run(); })) {}

void MemoryTimeline::run() {
  std::unique_lock lock(mutex_);
  while (!changed_.wait_for(lock, interval_, [&] { return stopped_; })) {
    lock.unlock();
    try {
      sample();
    } catch (const std::exception& error) {  // out of memory or files; the run itself reports that
      logger("memory")->debug("memory is no longer sampled: {}", error.what());
      return;
    }
    lock.lock();
  }
}

void MemoryTimeline::sample() {
  const auto now = Clock::now();
  const std::int64_t bytes = device::memory_use(device_).allocated_bytes;
  const std::lock_guard lock(mutex_);
  add({now, bytes});
}

void MemoryTimeline::add(Sample sample) {
  samples_.insert(std::upper_bound(samples_.begin(), samples_.end(), sample, earlier), sample);
  if (samples_.size() < kMostSamples) return;
  // Keeps the larger of two neighbours, so that no peak is lost.
  std::vector<Sample> kept;
  for (std::size_t i = 0; i + 1 < samples_.size(); i += 2)
    kept.push_back(std::max(samples_[i], samples_[i + 1], smaller));
  samples_ = std::move(kept);
  interval_ *= 2;
}

MemoryTimeline::Clock::time_point MemoryTimeline::raise_to(std::int64_t peak_bytes,
                                                           Clock::time_point begin) {
  const std::lock_guard lock(mutex_);
  const auto first = std::lower_bound(samples_.begin(), samples_.end(), Sample{begin, 0}, earlier);
  const auto largest = std::max_element(first, samples_.end(), smaller);
  if (largest == samples_.end()) {
    const Sample peak{begin, peak_bytes};
    add(peak);
    return begin;
  }
  largest->bytes = std::max(largest->bytes, peak_bytes);
  return largest->at;
}

void MemoryTimeline::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopped_ = true;
  }
  changed_.notify_all();
  if (thread_.joinable()) thread_.join();
}

std::vector<MemoryTimeline::Sample> MemoryTimeline::samples() const {
  const std::lock_guard lock(mutex_);
  return samples_;
}

}  // namespace chitu::pipelines
