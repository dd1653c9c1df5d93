#include "chitu_core/config/sweep.h"

#include <algorithm>

#include "chitu_core/config/error.h"
#include "chitu_core/config/limits.h"
#include "chitu_core/config/override.h"
#include "chitu_core/config/repository.h"
#include "chitu_core/config/text.h"

namespace chitu::config {
namespace {

/// `key=value` of hydra.sweeper.params.
std::vector<std::string> sweeper_params(const Composition& master) {
  std::vector<std::string> params;
  const auto found = View(master.root, &master.root).find("hydra.sweeper.params");
  if (!found) return params;
  const Node values = found->resolved();
  if (values.is_null() || values.is_missing()) return params;
  if (!values.is_map())
    throw ConfigError(values.origin(), "hydra.sweeper.params",
                      "must be a map, got " + show(values));
  for (const Entry& entry : values.map()) {
    if (entry.value.is_container())
      throw ConfigError(entry.value.origin(), "hydra.sweeper.params." + entry.key.text,
                        "must be the text of an override's value, got " + show(entry.value));
    params.push_back(entry.key.text + "=" + python_text(entry.value));
  }
  return params;
}

/// Values of one key, in the order keys were first given.
struct Axis {
  std::string key;
  std::vector<std::string> overrides;
};

std::vector<std::string> expand(const Override& given, const Repository& repository) {
  const std::string key = given.key_element();
  if (!given.is_sweep()) return {key + "=" + override_text(given.value)};
  std::vector<std::string> options;
  if (given.value_type == ValueType::glob) options = repository.options(given.key);
  std::vector<std::string> overrides;
  try {
    for (const Node& value : sweep_values(given.sweep, options))
      overrides.push_back(key + "=" + override_text(value));
  } catch (const ConfigError& error) {
    throw ConfigError(given.text + ": " + error.what());
  }
  return overrides;
}

std::vector<Axis> axes_of(const std::vector<std::string>& texts, const Repository& repository) {
  std::vector<Axis> axes;
  for (const std::string& text : texts) {
    const Override given = parse_override(text);
    if (given.is_sweep() && given.is_hydra())
      throw ConfigError(text + ": sweeping over Hydra's own configuration is not possible");
    Axis axis{given.key_element(), expand(given, repository)};
    const auto old = std::find_if(axes.begin(), axes.end(),
                                  [&](const Axis& other) { return other.key == axis.key; });
    if (old == axes.end())
      axes.push_back(std::move(axis));
    else
      *old = std::move(axis);
  }
  return axes;
}

std::vector<std::vector<std::string>> product(const std::vector<Axis>& axes) {
  std::vector<std::vector<std::string>> jobs = {{}};
  for (const Axis& axis : axes) {
    if (!axis.overrides.empty() && jobs.size() > kMaxJobs / axis.overrides.size())
      throw ConfigError("the sweep has more than " + std::to_string(kMaxJobs) + " jobs");
    std::vector<std::vector<std::string>> longer;
    longer.reserve(jobs.size() * axis.overrides.size());
    for (const std::vector<std::string>& job : jobs) {
      for (const std::string& choice : axis.overrides) {
        longer.push_back(job);
        longer.back().push_back(choice);
      }
    }
    jobs = std::move(longer);
  }
  return jobs;
}

}  // namespace

SweepPlan plan_sweep(const ComposeRequest& request) {
  SweepPlan plan;
  ComposeRequest master = request;
  master.multirun = true;
  plan.master = compose(master);
  std::vector<std::string> texts = sweeper_params(plan.master);
  texts.insert(texts.end(), plan.master.task_overrides.begin(), plan.master.task_overrides.end());
  plan.jobs = product(axes_of(texts, Repository(plan.master.search_path)));
  return plan;
}

ComposeRequest job_request(const ComposeRequest& request, const SweepPlan& plan, std::size_t job) {
  ComposeRequest one = request;
  one.multirun = false;
  one.texts.clear();  // task_overrides hold them in quotes
  one.overrides = plan.master.hydra_overrides;
  one.overrides.insert(one.overrides.end(), plan.jobs[job].begin(), plan.jobs[job].end());
  one.job_num = static_cast<int>(job);
  return one;
}

}  // namespace chitu::config
