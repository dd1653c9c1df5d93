#include "chitu_core/cache/cache.h"

#include <fmt/format.h>

#include <algorithm>

#include "chitu_core/common/error.h"
#include "chitu_core/common/expected.h"

namespace chitu::cache {

CachePlan compute_all(Reuse reuse, const Schedule& schedule, const ModelFacts& model) {
  CachePlan plan;
  plan.reuse = reuse;
  plan.layers = model.layers;
  plan.span = {0, model.layers};
  plan.steps.resize(static_cast<std::size_t>(schedule.count()), {{0, model.layers}});
  return plan;
}

std::vector<ParamSpec> common_params() {
  using Kind = ParamSpec::Kind;
  return {{"warmup", Kind::integer, 1, 1000, "first steps that are computed"},
          {"cooldown", Kind::integer, 0, 1000, "last steps that are computed"},
          {"offload", Kind::flag, 0, 1, "keep what is reused in host memory"}};
}

std::vector<ParamSpec> params_of(const Cache& cache) {
  auto all = cache.params();
  for (ParamSpec& spec : common_params()) all.push_back(std::move(spec));
  return all;
}

const Cache& find_cache(const Choice& choice) {
  const auto& registry = Registry<Cache>::instance();
  const Cache* cache = registry.find(choice.name);
  if (!cache)
    throw InputError(fmt::format("{}={}: unknown cache, {}", kCacheKey, choice.name,
                                 expected_one_of(choice.name, registry.names())));
  check_params(choice.name, params_of(*cache), choice.params);
  return *cache;
}

CachePlan plan_of(const Choice& choice, const Schedule& schedule, const ModelFacts& model) {
  const Cache& cache = find_cache(choice);
  CachePlan plan = cache.plan(ParamReader(choice.params), schedule, model);
  if (!plan.steps.empty()) plan.steps.front() = {{0, model.layers}};
  if (!plan.is_upper_bound && !plan.may_reuse_from(0))
    plan.warnings.push_back(fmt::format("{} reuses nothing in {} steps with these parameters",
                                        choice.name, schedule.count()));
  return plan;
}

Edges edges_of(const ParamReader& params, Edges own, std::int64_t steps) {
  const auto warmup = params.integer("warmup"), cooldown = params.integer("cooldown");
  const Edges edges{warmup.value_or(own.warmup), cooldown.value_or(own.cooldown)};
  if ((warmup || cooldown) && edges.warmup + edges.cooldown >= steps)
    throw InputError(fmt::format(
        "{}={}: with a cooldown of {}, expected less than the {} steps of the transformer",
        param_key("warmup"), edges.warmup, edges.cooldown, steps));
  return edges;
}

}  // namespace chitu::cache
