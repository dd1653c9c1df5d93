#include <ATen/ATen.h>
#include <fmt/format.h>

#include <algorithm>
#include <numeric>

#include "chitu_core/common/error.h"
#include "chitu_core/common/registry.h"
#include "chitu_core/parallel/attention_hook.h"
#include "chitu_core/parallel/attention_rows.h"
#include "chitu_core/parallel/communicator.h"
#include "chitu_core/parallel/head_groups.h"
#include "chitu_core/parallel/split_call.h"

namespace chitu::parallel {
namespace {

/// Keys and values of all ranks, and a copy of the rank's own or a result.
ExchangeBuffers buffers(const std::vector<std::int64_t>& rows) {
  return {2 * std::ssize(rows) + 1, *std::max_element(rows.begin(), rows.end())};
}

/// Every rank gets the keys and values of all, for a few heads at a time (head_groups.h), and
/// attends with its own queries: no log-sum-exp, no limit by heads.
///
/// Sent by rank r of n for one call, with K_r keys of rank r, batch B, `heads` heads of width d:
/// 2 * (n - 1) * B * heads * K_r * d elements.
class GatheredKeys final : public AttentionHook {
 public:
  explicit GatheredKeys(std::shared_ptr<Communicator> ranks) : ranks_(std::move(ranks)) {}

  Communicator* ranks() const override { return ranks_.get(); }
  at::Tensor run(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                 const AttentionOptions& options, const LocalAttention& local) const override {
    return consume(is_split(options) ? q.clone() : q, k, v, options, local);
  }
  at::Tensor consume(at::Tensor q, at::Tensor k, at::Tensor v, const AttentionOptions& options,
                     const LocalAttention& local) const override {
    if (!is_split(options)) return local.run(q, k, v, options);
    check_split_call(q, k, options, *ranks_);
    const std::vector<std::int64_t>& rows = options.split.keys;
    attend_by_heads(
        q, k, v, heads_at_once(k, buffers(rows)),
        [&, whole = whole_call(options)](const at::Tensor& queries, const at::Tensor& own_keys,
                                         const at::Tensor& own_values) {
          const at::Tensor all_keys = gathered(own_keys, rows);
          const at::Tensor all_values = gathered(own_values, rows);
          return q.numel() > 0 ? local.run(queries, all_keys, all_values, whole) : queries;
        });
    return q;
  }

 private:
  /// [B, heads, all rows, d].
  at::Tensor gathered(const at::Tensor& x, const std::vector<std::int64_t>& rows) const {
    const std::int64_t all = std::accumulate(rows.begin(), rows.end(), std::int64_t{0});
    const at::Tensor received = at::empty({all, x.size(0), x.size(1), x.size(3)}, x.options());
    ranks_->all_gather(as_rows(x).contiguous(), received.split_with_sizes(rows, 0));
    return from_rows(received);
  }

  std::shared_ptr<Communicator> ranks_;
};

class AllGather final : public AttentionScheme {
 public:
  std::shared_ptr<const AttentionHook> make(const AttentionSplit& split) const override {
    if (!is_split(split)) return nullptr;
    if (split.up > 0)
      throw InputError(fmt::format(
          "infer.diffusion.up={}: expected null with infer.diffusion.cp_backend=allgather",
          split.up));
    return std::make_shared<GatheredKeys>(split.ranks);
  }
};
CHITU_REGISTER(AttentionScheme, AllGather, "allgather");

}  // namespace
}  // namespace chitu::parallel
