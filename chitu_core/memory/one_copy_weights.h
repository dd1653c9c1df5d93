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
class OneCopyWeights final : public WeightSource {
 public:
  OneCopyWeights(std::shared_ptr<const WeightSource> source,
                 std::shared_ptr<device::SharedHostMemory> memory)
      : source_(std::move(source)), memory_(std::move(memory)) {}
  void check(const Module& module) const override { source_->check(module); }
  StoredForm stored_form(const std::string& name, const Parameter& parameter) const override {
    return source_->stored_form(name, parameter);
  }
  void read_into(const std::string& name, const Parameter& parameter,
                 at::Tensor& to) const override {
    source_->read_into(name, parameter, to);
  }
  void read_rows(const std::string& name, const Parameter& parameter, std::int64_t first_row,
                 at::Tensor& to) const override {
    source_->read_rows(name, parameter, first_row, to);
  }
  at::Tensor host_copy(const std::string& name, const Parameter& parameter) const override;
  std::string identity(const std::string& name, const Parameter& parameter) const override {
    return source_->identity(name, parameter);
  }
  bool reads_parts(const std::string& name, const Parameter& parameter) const override {
    return source_->reads_parts(name, parameter);
  }
  std::int64_t stored_bytes(const std::string& name, const Parameter& parameter) const override {
    return source_->stored_bytes(name, parameter);
  }
  at::Tensor table(const std::string& name, const Parameter& parameter) const override {
    return source_->table(name, parameter);
  }

 private:
  std::shared_ptr<const WeightSource> source_;
  std::shared_ptr<device::SharedHostMemory> memory_;
};

}  // namespace chitu::memory
