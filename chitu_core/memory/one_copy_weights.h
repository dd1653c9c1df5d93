#pragma once

#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "chitu_core/memory/weight_source.h"

namespace chitu::device {
class SharedHostMemory;
}

namespace chitu::memory {

/// A source whose weights, where they are kept whole in host memory, are one copy for all processes
/// of the host (device::SharedHostMemory). The first process that needs a weight reads it. Weights
/// whose identity is not known, and small ones, are read by each process.
class OneCopyWeights final : public WrappedWeights {
 public:
  OneCopyWeights(std::shared_ptr<const WeightSource> source,
                 std::shared_ptr<device::SharedHostMemory> memory)
      : WrappedWeights(std::move(source)), memory_(std::move(memory)) {}
  void read_into(const std::string& name, const Parameter& parameter,
                 at::Tensor& to) const override {
    source().read_into(name, parameter, to);
  }
  void read_rows(const std::string& name, const Parameter& parameter, std::int64_t first_row,
                 at::Tensor& to) const override {
    source().read_rows(name, parameter, first_row, to);
  }
  at::Tensor host_copy(const std::string& name, const Parameter& parameter) const override;
  std::string identity(const std::string& name, const Parameter& parameter) const override {
    return source().identity(name, parameter);
  }

 private:
  std::shared_ptr<device::SharedHostMemory> memory_;
};

}  // namespace chitu::memory
