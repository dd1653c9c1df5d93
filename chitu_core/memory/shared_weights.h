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
/// reads its share from its own source, and gets the others from those that read them. A table is
/// of this process alone: its rows are gathered one by one.
class SharedWeights final : public WrappedWeights {
 public:
  SharedWeights(std::shared_ptr<const WeightSource> source, std::shared_ptr<WeightReaders> readers)
      : WrappedWeights(std::move(source)), readers_(std::move(readers)) {}
  void fill(std::span<const WeightRows> rows, const at::Tensor& buffer) const override;
  void read_into(const std::string& name, const Parameter& parameter,
                 at::Tensor& to) const override;
  void read_rows(const std::string& name, const Parameter& parameter, std::int64_t first_row,
                 at::Tensor& to) const override;
  bool is_shared() const override { return true; }

 private:
  std::shared_ptr<WeightReaders> readers_;
};

}  // namespace chitu::memory
