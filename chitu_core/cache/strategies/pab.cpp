#include <fmt/format.h>

#include "chitu_core/cache/cache.h"
#include "chitu_core/common/error.h"

namespace chitu::cache {
namespace {

using Kind = ParamSpec::Kind;

/// Pyramid Attention Broadcast, arXiv:2408.12588: self-attention is computed every so many steps,
/// cross-attention more rarely; the steps between add what it added last. All decisions are known
/// before the first step. Saves arithmetic only: every layer's weights are needed. Keeps two
/// tensors as large as the hidden states per layer and prompt, which `offload` parks in host
/// memory.
class PyramidAttention final : public Cache {
 public:
  std::vector<ParamSpec> params() const override {
    return {{"self_every", Kind::integer, 1, 1000,
             "computes self-attention every so many steps; null: 2"},
            {"cross_every", Kind::integer, 1, 1000,
             "computes cross-attention every so many steps; null: 3"}};
  }

  CachePlan plan(const ParamReader& params, const Schedule& schedule,
                 const ModelFacts& model) const override {
    if (!model.splits_attention)
      throw InputError(
          fmt::format("{}=pab: is not for this model, whose blocks add attention and "
                      "feed-forward of two streams; expected another cache such as "
                      "taylorseer",
                      kCacheKey));
    CachePlan plan = compute_all(Reuse::attention, schedule, model);
    const std::int64_t self = params.integer("self_every").value_or(2);
    const std::int64_t cross = params.integer("cross_every").value_or(3);
    const Edges edges = edges_of(params, {5, 5}, schedule.count());
    for (std::int64_t step = edges.warmup; step < schedule.count() - edges.cooldown; ++step) {
      CachePlan::Step& planned = plan.steps[static_cast<std::size_t>(step)];
      planned.reuse_self_attention = (step - edges.warmup) % self != 0;
      planned.reuse_cross_attention = (step - edges.warmup) % cross != 0;
    }
    return plan;
  }
};
CHITU_REGISTER(Cache, PyramidAttention, "pab");

}  // namespace
}  // namespace chitu::cache
