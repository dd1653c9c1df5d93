#pragma once

#include <optional>

namespace chitu::tools {

/// The number of threads that this process computes with. No other place of the command sets it.
class ComputeThreads {
 public:
  ComputeThreads();

  /// Computes with `count` threads from now on (infer.threads); null = libtorch's own choice.
  ///
  /// throws  SystemLimitError when the system has too few
  void use(std::optional<int> count);

 private:
  int default_count_;
  std::optional<int> in_use_{};
};

}  // namespace chitu::tools
