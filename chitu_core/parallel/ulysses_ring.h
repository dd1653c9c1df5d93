#pragma once

#include <memory>

#include "chitu_core/parallel/attention_hook.h"
#include "chitu_core/parallel/head_exchange.h"
#include "chitu_core/parallel/key_ring.h"

namespace chitu::parallel {

/// Ulysses within rows of `up` consecutive ranks, and a ring over the rows: rank r is in row r /
/// up, and in the ring of the ranks with the same r % up. With up = 1 it is a ring, with up = all
/// ranks it is Ulysses.
class UlyssesRing final : public AttentionHook {
 public:
  /// ranks  more than one
  /// up     a divisor of their number
  UlyssesRing(std::shared_ptr<Communicator> ranks, int up);

  Communicator* ranks() const override { return ranks_.get(); }
  bool needs_log_sum_exp() const override { return ring_.size() > 1; }
  at::Tensor run(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                 const AttentionOptions& options, const LocalAttention& local) const override {
    return consume(q.clone(), k, v, options, local);
  }
  at::Tensor consume(at::Tensor q, at::Tensor k, at::Tensor v, const AttentionOptions& options,
                     const LocalAttention& local) const override;

 private:
  /// Attention to the keys of all rows, for the heads of this rank.
  at::Tensor attend(at::Tensor q, at::Tensor k, at::Tensor v, const std::vector<std::int64_t>& keys,
                    const AttentionOptions& options, const LocalAttention& local) const;
  std::vector<std::int64_t> in_my_row(const std::vector<std::int64_t>& rows) const;
  std::vector<std::int64_t> of_each_row(const std::vector<std::int64_t>& rows) const;

  std::shared_ptr<Communicator> ranks_;
  int up_;
  HeadExchange heads_;
  KeyRing ring_;
};

/// The largest divisor of the number of ranks that divides the heads.
int largest_ulysses_degree(int ranks, std::int64_t heads);

}  // namespace chitu::parallel
