#pragma once

#include <stop_token>
#include <thread>

namespace chitu::tools {

/// Turns Ctrl-C and SIGTERM into a request to stop; a second one ends the process at once.
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

 private:
  std::stop_source source_;
  std::jthread waiter_;
};

}  // namespace chitu::tools
