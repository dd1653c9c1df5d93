#include <ATen/ATen.h>
#include <fmt/format.h>

#include <cmath>

#include "chitu_core/cache/cache.h"
#include "chitu_core/cache/relative_change.h"
#include "chitu_core/cache/tables.h"
#include "chitu_core/common/error.h"

namespace chitu::cache {
namespace {

using Kind = ParamSpec::Kind;

/// TeaCache, arXiv:2411.19108: a step reuses what the layers added in the last computed one as long
/// as the embedded timestep has changed little since. The embedding depends on timesteps alone, so
/// all decisions are known before the first step. Keeps one tensor as large as the hidden states
/// per prompt.
class TeaCache final : public Cache {
 public:
  std::vector<ParamSpec> params() const override {
    return {{"threshold", Kind::number, 0, 100,
             "sum of changes of the embedded timestep below which steps are skipped; null: the "
             "least published for the model"},
            {"retention", Kind::flag, 0, 1,
             "measure the modulation of the blocks, and compute the first 5 steps; false: the "
             "embedding, and the first and the last step; null: as is better for the model"},
            {"coefficients", Kind::numbers, -1e12, 1e12,
             "of the polynomial that rescales changes, highest power first; null: those of the "
             "model"}};
  }

  CachePlan plan(const ParamReader& params, const Schedule& schedule,
                 const ModelFacts& model) const override {
    if (!model.embeds_time)
      throw InputError(
          fmt::format("{}=teacache: the model's embedded timestep is not known, "
                      "expected another cache such as taylorseer",
                      kCacheKey));
    CachePlan plan = compute_all(Reuse::residual, schedule, model);
    const auto fitted = table_of(model);
    const Rule rule = rule_of(params, fitted);
    const Edges edges =
        edges_of(params, rule.retention ? Edges{5, 0} : Edges{1, 1}, schedule.count());
    if (!fitted && !params.numbers("coefficients")) plan.warnings.emplace_back(kNoTable);
    if (model.embed_time)
      skip_steps(plan, rule, edges, model.embed_time(schedule.timesteps, rule.retention));
    else
      plan.is_upper_bound = true;
    return plan;
  }

 private:
  static constexpr const char* kNoTable =
      "teacache has no coefficients for this model: changes of the embedded timestep count as they "
      "are";
  struct Rule {
    bool retention;
    double threshold;
    std::vector<double> coefficients;

    double rescaled(double change) const {
      double sum = 0;
      for (const double coefficient : coefficients) sum = sum * change + coefficient;
      return sum;
    }
  };

  static std::optional<FittedModel::TeaCache> table_of(const ModelFacts& model) {
    const auto fitted = fitted_model(model);
    return fitted ? fitted->teacache : std::nullopt;
  }

  static Rule rule_of(const ParamReader& params,
                      const std::optional<FittedModel::TeaCache>& fitted) {
    constexpr double kThreshold = 0.1;
    Rule rule{params.flag("retention").value_or(fitted ? fitted->by_modulation : false),
              kThreshold,
              {1, 0}};
    if (fitted) {
      rule.threshold = rule.retention ? fitted->modulation_threshold : fitted->embedding_threshold;
      const auto& published = rule.retention ? fitted->of_modulation : fitted->of_embedding;
      rule.coefficients.assign(published.begin(), published.end());
    }
    rule.threshold = params.number("threshold").value_or(rule.threshold);
    rule.coefficients = params.numbers("coefficients").value_or(rule.coefficients);
    return rule;
  }

  static void skip_steps(CachePlan& plan, const Rule& rule, const Edges& edges,
                         const at::Tensor& embedded) {
    double sum = 0;
    for (std::int64_t step = 0; step < embedded.size(0); ++step) {
      const bool fixed = edges.contain(step, embedded.size(0)) || step == 0;
      if (!fixed) sum += rule.rescaled(relative_mean(embedded[step], embedded[step - 1]));
      if (!fixed && sum < rule.threshold)
        plan.steps[static_cast<std::size_t>(step)].layers = {};
      else
        sum = 0;
    }
  }
};
CHITU_REGISTER(Cache, TeaCache, "teacache");

}  // namespace
}  // namespace chitu::cache
