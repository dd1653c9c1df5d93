#include <fmt/format.h>

#include "chitu_core/cache/cache.h"
#include "chitu_core/common/error.h"

namespace chitu::cache {
namespace {

using Kind = ParamSpec::Kind;

/// First-block cache (ParaAttention): computes the first block, and reuses what the others added as
/// long as what the first adds has changed little since they were computed. Known only at run time:
/// the other blocks are fetched after the decision. Keeps one tensor as large as the hidden states
/// per prompt, and one more.
class FirstBlock final : public Cache {
 public:
  std::vector<ParamSpec> params() const override {
    return {{"threshold", Kind::number, 0, 100,
             "change of the first block's residual, as a share of it, up to which the other blocks "
             "are skipped; null: 0.05"},
            {"most_skipped", Kind::integer, 1, 1000, "steps skipped in a row; null: any number"}};
  }
  bool decides_at_run_time() const override { return true; }

  CachePlan plan(const ParamReader& params, const Schedule& schedule,
                 const ModelFacts& model) const override {
    if (model.layers < 2)
      throw InputError(
          fmt::format("{}=firstblock: expected a transformer of more than one block", kCacheKey));
    constexpr double kThreshold = 0.05;
    CachePlan plan = compute_all(Reuse::residual, schedule, model);
    plan.span = {1, model.layers};
    plan.threshold = params.number("threshold").value_or(kThreshold);
    plan.most_reused = params.integer("most_skipped").value_or(0);
    const Edges edges = edges_of(params, {1, 0}, schedule.count());
    for (std::int64_t step = 0; step < schedule.count(); ++step)
      plan.steps[static_cast<std::size_t>(step)].may_reuse = !edges.contain(step, schedule.count());
    return plan;
  }
};
CHITU_REGISTER(Cache, FirstBlock, "firstblock");

}  // namespace
}  // namespace chitu::cache
