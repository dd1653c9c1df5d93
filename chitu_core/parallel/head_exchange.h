#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <memory>
#include <vector>

namespace chitu::parallel {

class Communicator;

/// Ulysses: each rank trades its rows of all heads for all rows of its heads, attends to them, and
/// trades back. Heads are divided as evenly as possible; a rank may have one more than another, or
/// none.
///
/// Sent by rank r of n for one call, with rows L_i and heads h_i of rank i, batch B, width d of a
/// head: the sum over i != r of B * L_r * h_i * d elements for each of q, k and v, and of
/// B * L_i * h_r * d for the result. If all is even: 4 * (n - 1) / n of the rank's q.
/// source  Jacobs et al. 2023 (DeepSpeed Ulysses), arXiv:2309.14509
class HeadExchange {
 public:
  explicit HeadExchange(std::shared_ptr<Communicator> ranks) : ranks_(std::move(ranks)) {}

  /// rows     of each rank
  /// x        [B, heads, rows of this rank, d], any strides; freed early
  /// returns  [B, heads of this rank, all rows, d]; x itself for one rank
  at::Tensor to_heads(at::Tensor x, const std::vector<std::int64_t>& rows) const;
  /// The way back.
  ///
  /// x        [B, heads of this rank, all rows, d], any strides
  /// heads    of all ranks
  /// returns  [B, heads, rows of this rank, d], with the memory layout [rows, B, heads, d]
  at::Tensor to_rows(const at::Tensor& x, const std::vector<std::int64_t>& rows,
                     std::int64_t heads) const;

 private:
  std::shared_ptr<Communicator> ranks_;
};

}  // namespace chitu::parallel
