#include "chitu_core/cache/cache.h"

namespace chitu::cache {
namespace {

using Kind = ParamSpec::Kind;

/// TaylorSeer, arXiv:2503.06923: computes every interval-th step, and forecasts what the layers add
/// in the others by a polynomial through the computed ones. Forecasting their sum is forecasting
/// each of them (see ForecastStates). Keeps order + 1 tensors as large as the hidden states per
/// prompt.
class TaylorSeer final : public Cache {
 public:
  std::vector<ParamSpec> params() const override {
    return {{"interval", Kind::integer, 1, 1000, "computes every so many steps; null: 5"},
            {"order", Kind::integer, 0, 4, "of the polynomial; 0: the last result; null: 1"}};
  }

  CachePlan plan(const ParamReader& params, const Schedule& schedule,
                 const ModelFacts& model) const override {
    CachePlan plan = compute_all(Reuse::residual, schedule, model);
    plan.order = params.integer("order").value_or(1);
    const std::int64_t interval = params.integer("interval").value_or(5);
    const Edges edges = edges_of(params, {1, 0}, schedule.count());
    std::int64_t since = 0;  // steps after the last computed one
    for (std::int64_t step = 0; step < schedule.count(); ++step) {
      const bool computes = edges.contain(step, schedule.count()) || since == interval - 1;
      since = computes ? 0 : since + 1;
      if (!computes) plan.steps[static_cast<std::size_t>(step)].layers = {};
    }
    return plan;
  }
};
CHITU_REGISTER(Cache, TaylorSeer, "taylorseer");

}  // namespace
}  // namespace chitu::cache
