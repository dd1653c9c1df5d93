#pragma once

namespace chitu::tools {

/// While this lives, the process is not meant to end. A library that ends it all the same, as
/// OpenMP does when it cannot start a thread, has met a limit of the system and printed so: the
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
