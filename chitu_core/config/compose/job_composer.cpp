#include "chitu_core/config/compose/job_composer.h"

#include <utility>

#include "chitu_core/config/compose/compose_parts.h"
#include "chitu_core/config/compose/group_choices.h"

namespace chitu::config {
namespace {

constexpr std::size_t kMostMerged = 128;  // limits the memory of a sweep over many groups

}  // namespace

JobComposer::JobComposer(const ComposeRequest& request, const SweepPlan& plan)
    : plan_(plan), request_(request), groups_(plan.master.search_path) {
  request_.multirun = false;
  request_.texts.clear();  // plan.job() has them as overrides
  request_.overrides = plan.master.hydra_overrides;
  hydra_overrides_ = parse_overrides(request_);
  request_.overrides.clear();
}

std::vector<Override> JobComposer::overrides_of(std::size_t job) const {
  std::vector<Override> overrides = hydra_overrides_;
  for (const std::string& text : plan_.job(job)) overrides.push_back(parse_override(text));
  return overrides;
}

const Composition& JobComposer::merged(const std::string& choices,
                                       const std::vector<Override>& overrides) {
  const auto known = merged_.find(choices);
  if (known != merged_.end()) return known->second;
  if (merged_.size() >= kMostMerged) merged_.clear();
  Composition fresh = merge_defaults(request_, overrides).composition;
  fresh.steps.clear();
  fresh.steps.shrink_to_fit();
  fresh.defaults_tree = {};
  return merged_.emplace(choices, std::move(fresh)).first->second;
}

Composition JobComposer::compose(std::size_t job) {
  const std::vector<Override> overrides = overrides_of(job);
  std::vector<const Override*> values;
  std::string choices;
  for (const Override& given : overrides) {
    if (chooses_group(groups_, given))
      choices += given.text + '\n';
    else
      values.push_back(&given);
  }
  Composition composition = merged(choices, overrides);
  request_.job_num = static_cast<int>(job);
  set_values(composition, request_, overrides, values);
  return composition;
}

}  // namespace chitu::config
