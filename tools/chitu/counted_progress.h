#pragma once

#include <chrono>
#include <cstddef>
#include <string>

namespace chitu::tools {

/// "checking job 1200 of 20000" on a terminal, once counting has taken long enough to be asked
/// about; nothing elsewhere.
class CountedProgress {
 public:
  /// what  before the number: "checking job"
  CountedProgress(std::string what, std::size_t count);
  ~CountedProgress();
  CountedProgress(const CountedProgress&) = delete;
  CountedProgress& operator=(const CountedProgress&) = delete;

  void show(std::size_t number);

 private:
  using Clock = std::chrono::steady_clock;

  std::string what_;
  std::size_t count_;
  bool on_terminal_;
  bool shown_ = false;
  Clock::time_point next_;
};

}  // namespace chitu::tools
