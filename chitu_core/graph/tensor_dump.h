#pragma once

#include <ATen/core/Tensor.h>

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace chitu::graph {

/// Tensors of a run kept for comparison with another implementation (key debug.dump_tensors).
class TensorDump {
 public:
  /// Keeps a copy on the CPU; floating-point tensors as float32. A later one of the same name wins.
  void put(std::string_view name, const at::Tensor& tensor);
  const std::vector<std::pair<std::string, at::Tensor>>& tensors() const { return tensors_; }

 private:
  std::vector<std::pair<std::string, at::Tensor>> tensors_;
};

}  // namespace chitu::graph
