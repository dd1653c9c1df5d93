#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

namespace chitu::parallel {

class Communicator;

/// Consecutive rows of a sequence.
struct Shard {
  std::int64_t start, count;
};

/// How ranks share a sequence: in their order, each a run of rows whose lengths differ by at most
/// one. Nothing is padded. A sequence with fewer rows than ranks leaves the last ranks without any.
///
/// A model shards its rows before its layers and gathers them behind; without ranks, both return
/// their argument.
class SequenceShards {
 public:
  /// ranks  those that share the sequence, which must outlive this; null = one process has all rows
  SequenceShards(Communicator* ranks, std::int64_t length);

  bool is_split() const { return ranks_ != nullptr; }
  std::int64_t length() const { return length_; }
  int ranks() const;
  Shard of(int rank) const;
  Shard mine() const;
  /// Rows of every rank; empty if the sequence is not split.
  std::vector<std::int64_t> lengths() const;

  /// The rows of this rank, a view: `length` rows along the dimension become mine().count.
  at::Tensor shard(const at::Tensor& x, std::int64_t dim) const;
  /// All rows, on every rank, from the rows of each. Every rank sends its rows to all others.
  ///
  /// mine  the rows of this rank along the dimension
  at::Tensor gather(const at::Tensor& mine, std::int64_t dim) const;

 private:
  Communicator* ranks_;
  std::int64_t length_;
};

/// The part of a run of rows that lies in a shard, counted from the shard's start; count 0 if there
/// is none.
Shard part_in_shard(const Shard& run, const Shard& shard);

}  // namespace chitu::parallel
