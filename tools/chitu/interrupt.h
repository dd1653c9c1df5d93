#pragma once

#include <atomic>
#include <stop_token>
#include <thread>

namespace chitu::tools {

/// Turns Ctrl-C, SIGTERM and SIGHUP into a request to stop; a second signal ends the process at
/// once. SIGHUP stays ignored in a process that was started with it ignored, as by nohup.
///
/// Construct it before any other thread starts: all threads then inherit the blocked signals, and
/// only the thread here receives them. No code runs inside a signal handler.
class Interrupt {
 public:
  Interrupt();
  ~Interrupt();
  Interrupt(const Interrupt&) = delete;
  Interrupt& operator=(const Interrupt&) = delete;

  std::stop_token token() const { return source_.get_token(); }
  /// The signal that requested the stop; 0 without one.
  int signal() const { return signal_; }

 private:
  void wait_for_signals();

  std::atomic<int> signal_{0};
  std::stop_source source_;
  std::jthread waiter_;
};

}  // namespace chitu::tools
