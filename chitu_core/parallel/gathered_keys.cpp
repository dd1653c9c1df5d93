#include <ATen/ATen.h>
#include <fmt/format.h>

#include <numeric>

#include "chitu_core/common/error.h"
#include "chitu_core/common/registry.h"
#include "chitu_core/parallel/attention_hook.h"
#include "chitu_core/parallel/attention_rows.h"
#include "chitu_core/parallel/communicator.h"
#include "chitu_core/parallel/split_call.h"

namespace chitu::parallel {
namespace {

/// Every rank gets the keys and values of all, and attends with its own queries: no log-sum-exp, no
/// limit by heads, most memory.
///
/// Sent by rank r of n for one call, with K_r keys of rank r, batch B, `heads` heads of width d:
/// 2 * (n - 1) * B * heads * K_r * d elements.
class GatheredKeys final : public AttentionHook {
 public:
  explicit GatheredKeys(std::shared_ptr<Communicator> ranks) : ranks_(std::move(ranks)) {}

  Communicator* ranks() const override { return ranks_.get(); }
  at::Tensor run(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                 const AttentionOptions& options, const LocalAttention& local) const override {
    return consume(q, k, v, options, local);
  }
  at::Tensor consume(at::Tensor q, at::Tensor k, at::Tensor v, const AttentionOptions& options,
                     const LocalAttention& local) const override {
    if (!is_split(options)) return local.run(q, k, v, options);
    check_split_call(q, k, options, *ranks_);
    k = gathered(k, options.split.keys);
    v = gathered(v, options.split.keys);
    if (q.numel() == 0) return at::empty_like(q);
    return local.run(q, k, v, whole_call(options));
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
