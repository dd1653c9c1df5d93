#include "chitu_core/parallel/key_ring.h"

#include <ATen/ATen.h>

#include <algorithm>

#include "chitu_core/parallel/attention_rows.h"
#include "chitu_core/parallel/communicator.h"
#include "chitu_core/parallel/head_groups.h"
#include "chitu_core/parallel/merged_attention.h"

namespace chitu::parallel {
namespace {

/// Keys and values twice, in use and in flight; a result, and with the dtype bfloat16 its copy and
/// the sums, which are in float32.
constexpr std::int64_t kBuffers = 2 + 2 + 1 + 2 + 2;

/// Keys and values on their way: [2, rows, B, heads, d].
at::Tensor packed(const at::Tensor& k, const at::Tensor& v) {
  return at::stack({as_rows(k), as_rows(v)});
}

at::Tensor unpacked(const at::Tensor& block, std::int64_t index) {
  return from_rows(block.select(0, index));
}

at::Tensor empty_block(const at::Tensor& like, std::int64_t rows) {
  std::vector<std::int64_t> sizes = like.sizes().vec();
  sizes[1] = rows;
  return at::empty(sizes, like.options());
}

}  // namespace

int KeyRing::size() const { return ranks_->size(); }

void KeyRing::attend_(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                      const std::vector<std::int64_t>& keys, const AttentionOptions& options,
                      const LocalAttention& local) const {
  const ExchangeBuffers buffers{kBuffers, *std::max_element(keys.begin(), keys.end())};
  attend_by_heads(
      q, k, v, heads_at_once(k, buffers),
      [&](const at::Tensor& queries, const at::Tensor& own_keys, const at::Tensor& own_values) {
        return round(queries, own_keys, own_values, keys, options, local);
      });
}

at::Tensor KeyRing::round(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                          const std::vector<std::int64_t>& keys, const AttentionOptions& options,
                          const LocalAttention& local) const {
  const int ranks = ranks_->size(), rank = ranks_->rank();
  MergedAttention merged;
  at::Tensor block = packed(k, v);
  for (int step = 0; step < ranks; ++step) {
    at::Tensor next;
    std::unique_ptr<PendingExchange> pending;
    if (step + 1 < ranks) {
      const int owner = (rank + 2 * ranks - step - 1) % ranks;
      next = empty_block(block, keys[static_cast<std::size_t>(owner)]);
      pending = ranks_->exchange(block, (rank + 1) % ranks, next, (rank + ranks - 1) % ranks);
    }
    if (block.size(1) > 0 && q.numel() > 0)
      merged.add(local.run_part(q, unpacked(block, 0), unpacked(block, 1), options));
    if (pending) pending->wait();
    block = next;
  }
  return q.numel() > 0 ? merged.result() : q;
}

}  // namespace chitu::parallel
