#include <fmt/format.h>

#include <cmath>

#include "chitu_core/cache/cache.h"
#include "chitu_core/common/error.h"

namespace chitu::cache {
namespace {

using Kind = ParamSpec::Kind;

/// BlockDance, arXiv:2503.15927: within a window of the steps, every group of steps computes the
/// first blocks once; the others of the group start from the hidden states after them. All
/// decisions are known before the first step. Keeps one tensor as large as the hidden states per
/// prompt.
class BlockDance final : public Cache {
 public:
  std::vector<ParamSpec> params() const override {
    return {{"boundary", Kind::integer, 1, 1000,
             "blocks whose result is reused; null: 20, or half of them in a smaller model"},
            {"group", Kind::integer, 1, 1000, "steps that share it; null: 2"},
            {"start", Kind::number, 0, 1, "share of the steps before the window; null: 0.4"},
            {"end", Kind::number, 0, 1, "share of the steps up to its end; null: 0.95"}};
  }

  CachePlan plan(const ParamReader& params, const Schedule& schedule,
                 const ModelFacts& model) const override {
    CachePlan plan = compute_all(Reuse::states, schedule, model);
    plan.span = {0, boundary(params, model.layers)};
    const std::int64_t count = schedule.count(), group = params.integer("group").value_or(2);
    const auto at = [&](const char* name, double own) {
      return std::llround(params.number(name).value_or(own) * static_cast<double>(count));
    };
    const std::int64_t start = at("start", 0.4), end = at("end", 0.95);
    const Edges edges = edges_of(params, {1, 0}, count);
    std::int64_t since = 0;  // the window began, or the group
    for (std::int64_t step = 0; step < count; ++step) {
      if (step < start || step >= end || edges.contain(step, count)) {
        since = 0;
        continue;
      }
      if (since++ % group != 0)
        plan.steps[static_cast<std::size_t>(step)].layers = {plan.span.last, model.layers};
    }
    return plan;
  }

 private:
  static std::int64_t boundary(const ParamReader& params, std::int64_t layers) {
    constexpr std::int64_t kPublished = 20;
    const auto given = params.integer("boundary");
    if (given && *given >= layers)
      throw InputError(fmt::format("{}={}: expected less than the {} blocks of the transformer",
                                   param_key("boundary"), *given, layers));
    return given.value_or(layers > kPublished ? kPublished : std::max<std::int64_t>(1, layers / 2));
  }
};
CHITU_REGISTER(Cache, BlockDance, "blockdance");

}  // namespace
}  // namespace chitu::cache
