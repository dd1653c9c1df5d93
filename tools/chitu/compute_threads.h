#pragma once

#include <optional>

namespace chitu::tools {

/// The number of threads that this process computes with. No other place of the command sets it.
class ComputeThreads {
 public:
  ComputeThreads();

  /// Computes with `count` threads from now on (infer.threads); null = libtorch's own choice.
  ///
  /// sharers  processes that compute on this host: libtorch chooses for one, so without `count` and
  ///          OMP_NUM_THREADS each takes its share
  /// throws   SystemLimitError when the system has too few
  void use(std::optional<int> count, int sharers = 1);

 private:
  int default_count_;
  std::optional<int> in_use_{};
};

}  // namespace chitu::tools
