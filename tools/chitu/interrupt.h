#pragma once

#include <atomic>
#include <stop_token>
#include <thread>

namespace chitu::tools {

/// Turns Ctrl-C, SIGTERM and SIGHUP into a request to stop; a further signal ends the process at
/// once. Where the first Ctrl-C pauses, it asks for a pause, and the second one to stop. SIGHUP
/// stays ignored in a process that was started with it ignored, as by nohup.
///
/// Construct it before any other thread starts: all threads then inherit the blocked signals, and
/// only the thread here receives them. No code runs inside a signal handler.
class Interrupt {
 public:
  enum class First { stops, pauses };
  explicit Interrupt(First first = First::stops);
  ~Interrupt();
  Interrupt(const Interrupt&) = delete;
  Interrupt& operator=(const Interrupt&) = delete;

  std::stop_token token() const { return source_.get_token(); }
  /// Requested by the first signal, of whichever kind.
  std::stop_token pause_token() const { return pause_.get_token(); }
  /// The signal that came first; 0 without one.
  int signal() const { return signal_; }

 private:
  void wait_for_signals();
  void take(int number);

  First first_;
  std::atomic<int> signal_{0};
  std::atomic<bool> ending_{false};
  std::stop_source source_, pause_;
  std::jthread waiter_;
};

}  // namespace chitu::tools
