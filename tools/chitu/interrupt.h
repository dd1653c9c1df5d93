#pragma once

#include <atomic>
#include <stop_token>
#include <thread>

namespace chitu::tools {

/// Turns Ctrl-C, SIGTERM and SIGHUP into a request to stop; a second one ends the process at once.
/// A SIGHUP that the process was started to ignore, as by nohup, stays ignored.
///
/// Make it before any other thread starts, so that every thread inherits the blocked signals and
/// the one thread here receives them: nothing runs inside a signal handler.
class Interrupt {
 public:
  Interrupt();
  ~Interrupt();
  Interrupt(const Interrupt&) = delete;
  Interrupt& operator=(const Interrupt&) = delete;

  std::stop_token token() const { return source_.get_token(); }
  /// The signal that asked to stop; 0 when none did.
  int signal() const { return signal_; }

 private:
  void wait_for_signals();

  std::atomic<int> signal_{0};
  std::stop_source source_;
  std::jthread waiter_;
};

}  // namespace chitu::tools
