#include "pipelines/flexcache/cache_decisions.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

namespace chitu::pipelines {

using graph::StepDecision;

void CacheDecisions::add(const CacheDecisions& others) {
  steps_.insert(steps_.end(), others.steps_.begin(), others.steps_.end());
}

std::int64_t CacheDecisions::computed_layers() const {
  std::int64_t sum = 0;
  for (const StepDecision& step : steps_) sum += step.passes * step.computed_layers;
  return sum;
}

std::int64_t CacheDecisions::all_layers() const {
  std::int64_t sum = 0;
  for (const StepDecision& step : steps_) sum += step.passes * step.layers;
  return sum;
}

std::int64_t CacheDecisions::full_steps() const {
  return std::ranges::count_if(steps_,
                               [](const StepDecision& s) { return s.computed_layers == s.layers; });
}

std::int64_t CacheDecisions::partial_steps() const {
  return std::ranges::count_if(steps_, [](const StepDecision& s) {
    return s.computed_layers > 0 && s.computed_layers < s.layers;
  });
}

std::int64_t CacheDecisions::passes() const {
  return all_layers() == 0 ? 0 : computed_layers() * step_count() / all_layers();
}

bool CacheDecisions::is_exact() const {
  return std::ranges::all_of(steps_, &StepDecision::decided);
}

std::string CacheDecisions::text() const {
  const std::string partial =
      partial_steps() == 0 ? "" : fmt::format(" and {} in part", partial_steps());
  return fmt::format("{}{} of {} steps{}, {:.1f} % of the layers", is_exact() ? "" : "at most ",
                     full_steps(), step_count(), partial,
                     100.0 * static_cast<double>(computed_layers()) /
                         static_cast<double>(std::max<std::int64_t>(1, all_layers())));
}

nlohmann::json to_json(const CacheDecisions& decisions) {
  nlohmann::json steps = nlohmann::json::array();
  for (const auto& step : decisions.steps()) {
    steps.push_back({{"index", step.step},
                     {"component", step.component},
                     {"decision", step.decision},
                     {"passes", step.passes},
                     {"computed_layers", step.computed_layers},
                     {"layers", step.layers},
                     {"first_layer", step.first_layer}});
    if (step.self_attention_reused) steps.back()["self_attention_reused"] = true;
    if (step.cross_attention_reused) steps.back()["cross_attention_reused"] = true;
  }
  const double all = static_cast<double>(std::max<std::int64_t>(1, decisions.all_layers()));
  return {{"steps", steps},
          {"computed_layers", decisions.computed_layers()},
          {"all_layers", decisions.all_layers()},
          {"exact", decisions.is_exact()},
          {"saved_share", 1 - static_cast<double>(decisions.computed_layers()) / all}};
}

}  // namespace chitu::pipelines
