#include <fmt/format.h>

#include <cmath>

#include "chitu_core/cache/cache.h"
#include "chitu_core/cache/tables.h"
#include "chitu_core/common/error.h"

namespace chitu::cache {
namespace {

using Kind = ParamSpec::Kind;

/// MagCache, arXiv:2506.09045: what the layers add shrinks from step to step by a ratio that hardly
/// depends on the prompt. A step reuses it as long as the product of the ratios since the last
/// computed step stays near 1. All decisions are known before the first step. Keeps what teacache
/// keeps.
class MagCache final : public Cache {
 public:
  std::vector<ParamSpec> params() const override {
    return {{"threshold", Kind::number, 0, 100,
             "sum of errors below which steps are skipped; null: the model's"},
            {"most_skipped", Kind::integer, 0, 1000, "steps skipped in a row; null: the model's"},
            {"retention_ratio", Kind::number, 0, 1,
             "share of the steps that are computed at the start; null: the model's, or 0.2"},
            {"ratios", Kind::numbers, 0, 100,
             "magnitude of what the layers add, by that of the step before, for each step of a "
             "schedule of any length; null: the model's"}};
  }

  CachePlan plan(const ParamReader& params, const Schedule& schedule,
                 const ModelFacts& model) const override {
    const auto fitted = fitted_model(model);
    auto ratios = params.numbers("ratios");
    if (!ratios && !fitted) refuse_without_ratios();
    // For ratios of the user's, as published for Wan 2.1 1.3B.
    FittedModel::MagCache own{.ratios = {}, .error = 0.12, .most_skipped = 4};
    if (fitted) own = fitted->magcache;
    if (!ratios) ratios.emplace(own.ratios.begin(), own.ratios.end());
    const Limits limits{params.number("threshold").value_or(own.error),
                        params.integer("most_skipped").value_or(own.most_skipped)};
    const double retained = params.number("retention_ratio").value_or(own.retention);
    const Edges edges = edges_of(
        params, {static_cast<std::int64_t>(retained * static_cast<double>(schedule.count())), 0},
        schedule.count());
    CachePlan plan = compute_all(Reuse::residual, schedule, model);
    skip_steps(plan, *ratios, edges, limits);
    return plan;
  }

 private:
  [[noreturn]] static void refuse_without_ratios();

  struct Limits {
    double error;
    std::int64_t most;
  };

  /// The ratio of a step in a table for another number of steps: the nearest one.
  static double ratio_at(const std::vector<double>& ratios, std::int64_t step, std::int64_t count) {
    if (count < 2) return ratios.back();
    const double scale = static_cast<double>(ratios.size() - 1) / static_cast<double>(count - 1);
    return ratios[static_cast<std::size_t>(std::nearbyint(static_cast<double>(step) * scale))];
  }

  static void skip_steps(CachePlan& plan, const std::vector<double>& ratios, const Edges& edges,
                         const Limits& limits) {
    const auto count = std::ssize(plan.steps);
    double product = 1, error = 0;
    std::int64_t skipped = 0;
    for (std::int64_t step = 1; step < count; ++step) {
      bool skip = false;
      if (!edges.contain(step, count)) {
        product *= ratio_at(ratios, step, count);
        error += std::abs(1 - product);
        skip = error < limits.error && ++skipped <= limits.most;
      }
      if (skip)
        plan.steps[static_cast<std::size_t>(step)].layers = {};
      else
        product = 1, error = 0, skipped = 0;
    }
  }
};
CHITU_REGISTER(Cache, MagCache, "magcache");

void MagCache::refuse_without_ratios() {
  throw InputError(
      fmt::format("{}=magcache: has no table for this model, expected {}, or another cache such as "
                  "taylorseer",
                  kCacheKey, param_key("ratios")));
}

}  // namespace
}  // namespace chitu::cache
