#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "chitu_core/memory/weight_source.h"

namespace chitu::memory {

/// Processes that read weights together: each reads a share, and all get the whole. How they reach
/// each other is up to the implementation.
class WeightReaders {
 public:
  virtual ~WeightReaders() = default;
  virtual int rank() const = 0;  ///< 0 to size() - 1
  virtual int size() const = 0;
  /// Completes a host buffer, uint8, of which each reader has filled its part: reader i the bytes
  /// cuts[i] to cuts[i + 1]. All readers make the same calls in the same order, from one thread at
  /// a time.
  ///
  /// throws  Error if a reader cannot be reached
  virtual void complete(const at::Tensor& buffer, const std::vector<std::int64_t>& cuts) = 0;
};

/// Where a buffer of rows is cut, so that readers have about as many bytes each: size + 1 offsets,
/// from the first byte to the last. Cuts are between rows; rows of a weight that is not read in
/// parts stay together.
std::vector<std::int64_t> reading_cuts(std::span<const WeightRows> rows, const WeightSource& source,
                                       int size);

/// A source that several processes read together: of all rows that a read asks for, each process
/// reads its share from its own source, and gets the others from those that read them.
class SharedWeights final : public WeightSource {
 public:
  SharedWeights(std::shared_ptr<const WeightSource> source, std::shared_ptr<WeightReaders> readers)
      : source_(std::move(source)), readers_(std::move(readers)) {}
  void check(const Module& module) const override { source_->check(module); }
  StoredForm stored_form(const std::string& name, const Parameter& parameter) const override {
    return source_->stored_form(name, parameter);
  }
  void fill(std::span<const WeightRows> rows, const at::Tensor& buffer) const override;
  void read_into(const std::string& name, const Parameter& parameter,
                 at::Tensor& to) const override;
  void read_rows(const std::string& name, const Parameter& parameter, std::int64_t first_row,
                 at::Tensor& to) const override;
  bool reads_parts(const std::string& name, const Parameter& parameter) const override {
    return source_->reads_parts(name, parameter);
  }
  bool is_shared() const override { return true; }
  std::int64_t stored_bytes(const std::string& name, const Parameter& parameter) const override {
    return source_->stored_bytes(name, parameter);
  }
  /// Of this process alone: its rows are gathered one by one.
  at::Tensor table(const std::string& name, const Parameter& parameter) const override {
    return source_->table(name, parameter);
  }

 private:
  std::shared_ptr<const WeightSource> source_;
  std::shared_ptr<WeightReaders> readers_;
};

}  // namespace chitu::memory
