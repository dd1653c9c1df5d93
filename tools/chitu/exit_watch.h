#pragma once

namespace chitu::tools {

/// While this exists, the process must not end by itself. A library that ends it nevertheless, as
/// OpenMP does when it cannot start a thread, has reached a limit of the system and printed so; the
/// exit code is then 3.
class ExitWatch {
 public:
  ExitWatch();
  ~ExitWatch();
  ExitWatch(const ExitWatch&) = delete;
  ExitWatch& operator=(const ExitWatch&) = delete;

 private:
  bool* over_;  ///< read by the exit handler, which deletes it
};

}  // namespace chitu::tools
