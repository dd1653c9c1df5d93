#include "chitu_core/cache/cache.h"

namespace chitu::cache {
namespace {

using Kind = ParamSpec::Kind;

/// FreeCache (ChituDiffusion): as meancache, but a step reuses as long as the corrections since the
/// last computed step stay small, which is known only at run time.
class FreeCache final : public Cache {
 public:
  std::vector<ParamSpec> params() const override {
    return {{"threshold", Kind::number, 0, 100,
             "sum of corrections, as shares of the velocity, up to which steps are skipped; null: "
             "0.3"},
            {"most_skipped", Kind::integer, 1, 1000, "steps skipped in a row; null: 8"},
            {"span", Kind::integer, 1, 16, "steps over which a velocity is corrected; null: 2"}};
  }
  bool decides_at_run_time() const override { return true; }

  CachePlan plan(const ParamReader& params, const Schedule& schedule,
                 const ModelFacts& model) const override {
    constexpr double kThreshold = 0.3;
    CachePlan plan = compute_all(Reuse::velocity, schedule, model);
    plan.threshold = params.number("threshold").value_or(kThreshold);
    plan.sums_changes = true;
    plan.most_reused = params.integer("most_skipped").value_or(8);
    const Edges edges = edges_of(params, {5, 5}, schedule.count());
    for (std::int64_t step = 0; step < schedule.count(); ++step) {
      CachePlan::Step& planned = plan.steps[static_cast<std::size_t>(step)];
      planned.may_reuse = !edges.contain(step, schedule.count());
      planned.span = params.integer("span").value_or(2);
    }
    return plan;
  }
};
CHITU_REGISTER(Cache, FreeCache, "freecache");

}  // namespace
}  // namespace chitu::cache
