#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <memory>
#include <vector>

#include "chitu_core/parallel/attention_hook.h"

namespace chitu::parallel {

class Communicator;

/// Ring attention: the ranks' keys and values go round. While a rank attends to one block, the next
/// one is on its way; the results are merged by their log-sum-exps, first that of the rank's own
/// block, then those of the ranks before it. Blocks may differ in length, or be empty. A few heads
/// go round at a time (head_groups.h).
///
/// Sent by rank r of n for one call, with K_i keys of rank i, batch B, `heads` heads of width d:
/// 2 * B * heads * d elements for each key of all ranks but rank (r + 1) mod n. If all is even:
/// 2 * (n - 1) times the rank's k.
/// source  Liu et al. 2023, arXiv:2310.01889
class KeyRing {
 public:
  explicit KeyRing(std::shared_ptr<Communicator> ranks) : ranks_(std::move(ranks)) {}

  int size() const;
  /// keys     rows of k and v on each rank
  /// q        [B, heads, Lq, d], overwritten by the result
  /// k, v     [B, heads, keys of this rank, d], any strides
  void attend_(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
               const std::vector<std::int64_t>& keys, const AttentionOptions& options,
               const LocalAttention& local) const;

 private:
  /// One round: the keys and values of these heads visit every rank. Returns [B, heads, Lq, d].
  at::Tensor round(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                   const std::vector<std::int64_t>& keys, const AttentionOptions& options,
                   const LocalAttention& local) const;

  std::shared_ptr<Communicator> ranks_;
};

}  // namespace chitu::parallel
