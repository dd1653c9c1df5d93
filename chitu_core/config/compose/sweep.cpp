#include "chitu_core/config/compose/sweep.h"

#include <algorithm>
#include <functional>
#include <range/v3/view/zip.hpp>

#include "chitu_core/config/compose/repository.h"
#include "chitu_core/config/override/override.h"
#include "chitu_core/config/value/error.h"
#include "chitu_core/config/value/limits.h"
#include "chitu_core/config/value/text.h"

namespace chitu::config {
namespace {

namespace rv = ranges::views;

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

std::vector<std::string> values_of(const Override& given, const Repository& repository) {
  if (!given.is_sweep()) return {override_text(given.value)};
  std::vector<std::string> options;
  if (given.value_type == ValueType::glob) options = repository.options(given.key);
  std::vector<std::string> texts;
  try {
    for (const Node& value : sweep_values(given.sweep, options))
      texts.push_back(override_text(value));
  } catch (const ConfigError& error) {
    throw ConfigError(given.text + ": " + error.what());
  }
  return texts;
}

bool differ(const std::vector<std::string>& values) {
  return std::adjacent_find(values.begin(), values.end(), std::not_equal_to<>()) != values.end();
}

std::vector<SweepAxis> axes_of(const std::vector<std::string>& texts,
                               const Repository& repository) {
  std::vector<SweepAxis> axes;
  for (const std::string& text : texts) {
    const Override given = parse_override(text);
    if (given.is_sweep() && given.is_hydra())
      throw ConfigError(text + ": sweeping over Hydra's own configuration is not possible");
    SweepAxis axis{given.key_element(), values_of(given, repository)};
    axis.varies = differ(axis.values);
    const auto old = std::find_if(axes.begin(), axes.end(),
                                  [&](const SweepAxis& other) { return other.key == axis.key; });
    if (old == axes.end())
      axes.push_back(std::move(axis));
    else
      *old = std::move(axis);
  }
  return axes;
}

void check_size(const std::vector<SweepAxis>& axes) {
  std::size_t jobs = 1;
  for (const SweepAxis& axis : axes) {
    if (!axis.values.empty() && jobs > kMaxJobs / axis.values.size())
      throw ConfigError("the sweep has more than " + std::to_string(kMaxJobs) + " jobs");
    jobs *= axis.values.size();
  }
}

}  // namespace

std::size_t SweepPlan::size() const {
  std::size_t jobs = 1;
  for (const SweepAxis& axis : axes) jobs *= axis.values.size();
  return jobs;
}

std::vector<std::string> SweepPlan::job(std::size_t index) const {
  std::vector<std::string> overrides(axes.size());
  for (std::size_t k = axes.size(); k-- > 0;) {
    const SweepAxis& axis = axes[k];
    overrides[k] = axis.key + "=" + axis.values[index % axis.values.size()];
    index /= axis.values.size();
  }
  return overrides;
}

std::vector<std::string> SweepPlan::differences(std::size_t index) const {
  std::vector<std::string> overrides = job(index);
  if (size() == 1) return overrides;
  std::vector<std::string> differing;
  for (auto&& [axis, text] : rv::zip(axes, overrides))
    if (axis.varies) differing.push_back(std::move(text));
  return differing;
}

SweepPlan plan_sweep(const ComposeRequest& request) {
  SweepPlan plan;
  ComposeRequest master = request;
  master.multirun = true;
  plan.master = compose(master);
  std::vector<std::string> texts = sweeper_params(plan.master);
  texts.insert(texts.end(), plan.master.task_overrides.begin(), plan.master.task_overrides.end());
  plan.axes = axes_of(texts, Repository(plan.master.search_path));
  check_size(plan.axes);
  return plan;
}

}  // namespace chitu::config
