#pragma once

#include <optional>

namespace chitu::tools {

/// The threads that this process computes with: the one place of the command that sets them.
class ComputeThreads {
 public:
  ComputeThreads();

  /// Computes with so many from now on, as infer.threads says; null = as many as libtorch takes by
  /// itself.
  ///
  /// throws  SystemLimitError when the system has too few
  void use(std::optional<int> count);

 private:
  int default_count_;
  std::optional<int> in_use_{};
};

}  // namespace chitu::tools
