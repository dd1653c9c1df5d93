#pragma once

#include <c10/core/Allocator.h>

#include <functional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "chitu_core/device/dry_run.h"

namespace chitu::device {

/// The exchanges that are under way, and what is computed beside them.
class OpenEpisode {
 public:
  /// flops  of the dry run so far
  std::size_t begin(RankExchange exchange, double flops);
  /// Whether none is under way any more.
  bool end(std::size_t number, double flops);
  ExchangeEpisode take() { return std::exchange(episode_, {}); }

 private:
  void compute(double flops);

  ExchangeEpisode episode_;
  int under_way_ = 0;
  double flops_before_ = 0;
};

/// The counters of one dry run; current() finds those of the calling thread. Not thread-safe.
class DryRun::Books : public std::enable_shared_from_this<DryRun::Books> {
 public:
  Books(const ImitatedDevice& device, Repetition repetition)
      : device_(device), repetition_(repetition) {}

  /// Those of this thread's dry run; null outside one.
  static Books* current() noexcept;
  static void set_current(Books* books) noexcept;

  const ImitatedDevice& device() const { return device_; }
  Repetition repetition() const { return repetition_; }
  DryRunUse& use() { return use_; }
  void reset_peaks();
  void watch(std::int64_t bytes, bool on_host) {
    watched_ = bytes;
    watches_host_ = on_host;
  }
  const DryRunPeak& peak() const { return peak_; }

  /// A block without data, counted on the device or its host.
  c10::DataPtr allocate(std::int64_t bytes, c10::Device device);
  /// The same, recorded as made by the operator that made the twin.
  c10::DataPtr allocate_like(const c10::DataPtr& twin, std::int64_t bytes, c10::Device device);
  void count_copy(std::int64_t bytes, bool to_device) {
    (to_device ? use_.h2d : use_.d2h) += bytes;
  }
  std::size_t begin_exchange(RankExchange exchange);
  void end_exchange(std::size_t number);
  void count_exchange_beside(RankExchange exchange);
  /// The same data, counted as host memory until it is freed.
  c10::DataPtr count_on_host(c10::DataPtr data, std::int64_t bytes);

  /// Does the work. Returns how it changed the bytes held, its peaks above the bytes held before,
  /// and what it moved and computed.
  DryRunUse measure(const std::function<void()>& work);
  /// Whether measured work, done now, would be the first to reach the watched bytes.
  bool comes_to_watched(const DryRunUse& measured) const;
  /// Counts measured work so many times more, except for its change of the bytes held.
  void count_again(const DryRunUse& measured, std::int64_t times = 1);

  void begin_part(const std::string& name) { parts_.push_back(name); }
  void end_part() { parts_.pop_back(); }
  /// The name must stay valid: a literal, or the name of a registered operator.
  void set_operator(std::string_view name) { operator_ = name; }

 private:
  struct Block;
  struct HostBlock;
  static void release(void* block);
  static void release_on_host(void* block);
  /// Counts a block; `key` identifies it when it is released.
  void add(const void* key, std::int64_t bytes, bool on_host);
  void keep_peak();

  ImitatedDevice device_;
  Repetition repetition_;
  DryRunUse use_;
  OpenEpisode open_;
  std::vector<std::string> parts_;
  std::string_view operator_;
  std::int64_t watched_ = 0;  ///< 0 = nothing is watched
  bool watches_host_ = false;
  std::unordered_map<const void*, DryRunBlock> live_;  ///< kept only while watching
  DryRunPeak peak_;
};

}  // namespace chitu::device
