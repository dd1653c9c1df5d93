#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <iterator>
#include <map>

#include "chitu_core/cache/cache.h"
#include "chitu_core/common/error.h"

namespace chitu::cache {
namespace {

using Kind = ParamSpec::Kind;

/// Published for 50 steps: which steps are computed, and over how many steps a velocity that is
/// predicted after each of them is corrected.
struct Table {
  std::vector<int> computed;
  std::vector<int> spans;  ///< after each computed step but the last; 0 = the next one is computed
};

/// source  github.com/UnicomAI/MeanCache; the table of 30 from ChituDiffusion
const std::map<std::int64_t, Table>& tables() {
  static const std::map<std::int64_t, Table> all{
      {10, {{0, 1, 3, 7, 14, 21, 28, 35, 42, 49}, {0, 2, 1, 1, 1, 1, 1, 1, 4}}},
      {17,
       {{0, 1, 2, 3, 4, 5, 6, 7, 8, 10, 17, 24, 31, 38, 45, 48, 49},
        {0, 0, 0, 0, 0, 0, 0, 0, 2, 1, 1, 1, 1, 1, 4, 0}}},
      {25,
       {{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 24, 32, 40, 43, 45, 47, 48, 49},
        {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 5, 5, 5, 0, 0}}},
      {30,
       {{0,  1,  2,  3,  4,  5,  6,  7,  8,  9,  10, 11, 12, 13, 14,
         15, 16, 17, 18, 19, 24, 28, 32, 36, 40, 43, 45, 47, 48, 49},
        {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 5, 5, 5, 0, 0}}}};
  return all;
}

constexpr double kTableSteps = 50;

/// MeanCache: some steps reuse the velocity of the step before, corrected towards the average
/// velocity of the coming step. Which ones is a table. Keeps velocities and latents of a few steps,
/// and calls no model in a skipped step.
class MeanCache final : public Cache {
 public:
  std::vector<ParamSpec> params() const override {
    return {{"fresh_steps", Kind::integer, 10, 30,
             "computed steps of 50: 10, 17, 25 or 30; for other numbers of steps the table is "
             "stretched; null: 25"},
            {"steps", Kind::numbers, 0, 1000, "the computed steps, instead of a table"},
            {"span", Kind::integer, 0, 16,
             "steps over which a velocity is corrected; 0: none; null: the table's"}};
  }

  CachePlan plan(const ParamReader& params, const Schedule& schedule,
                 const ModelFacts& model) const override {
    CachePlan plan = compute_all(Reuse::velocity, schedule, model);
    const Edges edges = edges_of(params, {1, 0}, schedule.count());
    const Chosen chosen = chosen_steps(params, schedule.count());
    for (std::int64_t step = 0; step < schedule.count(); ++step) {
      CachePlan::Step& planned = plan.steps[static_cast<std::size_t>(step)];
      const auto after = chosen.upper_bound(step);
      const auto last = after == chosen.begin() ? after : std::prev(after);
      if (edges.contain(step, schedule.count()) || last == chosen.end() || last->first == step)
        continue;
      planned.layers = {};
      planned.span = params.integer("span").value_or(std::max(1, last->second));
    }
    return plan;
  }

 private:
  using Chosen = std::map<std::int64_t, int>;  ///< computed step, and the span after it

  static Chosen chosen_steps(const ParamReader& params, std::int64_t count) {
    Chosen chosen;
    if (const auto steps = params.numbers("steps")) {
      for (const double step : *steps) chosen.emplace(static_cast<std::int64_t>(step), 2);
      return chosen;
    }
    const Table& table = table_of(params.integer("fresh_steps").value_or(25));
    const double scale = static_cast<double>(count - 1) / (kTableSteps - 1);
    for (std::size_t i = 0; i < table.computed.size(); ++i)
      chosen.insert_or_assign(static_cast<std::int64_t>(std::lround(table.computed[i] * scale)),
                              i < table.spans.size() ? table.spans[i] : 0);
    return chosen;
  }

  static const Table& table_of(std::int64_t fresh_steps) {
    const auto found = tables().find(fresh_steps);
    if (found == tables().end()) refuse_fresh_steps(fresh_steps);
    return found->second;
  }
  [[noreturn]] static void refuse_fresh_steps(std::int64_t given);
};
CHITU_REGISTER(Cache, MeanCache, "meancache");

void MeanCache::refuse_fresh_steps(std::int64_t given) {
  throw InputError(
      fmt::format("{}={}: expected 10, 17, 25 or 30", param_key("fresh_steps"), given));
}

}  // namespace
}  // namespace chitu::cache
