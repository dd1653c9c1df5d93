#pragma once

#include <chrono>
#include <cstddef>
#include <string>

namespace chitu::tools {

/// A line such as "checking job 1200 of 20000", only on a terminal, and only when the work takes
/// longer than half a second.
class CountedProgress {
 public:
  /// what  the text before the number: "checking job"
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
