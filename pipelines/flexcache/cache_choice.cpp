#include "pipelines/flexcache/cache_choice.h"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <utility>

#include "chitu_core/cache/cache.h"
#include "chitu_core/common/error.h"
#include "chitu_core/common/log.h"
#include "chitu_core/device/dry_run.h"

namespace chitu::pipelines {
namespace {

void refuse_without_facts(const CacheFacts& facts, const cache::Choice& choice) {
  if (!facts)
    throw InputError(fmt::format("{}={}: the model has no caches, expected null", cache::kCacheKey,
                                 choice.name));
}

void refuse_for_ranks(const cache::CachePlan& plan, const cache::Choice& choice, int ranks) {
  if (ranks > 1 && plan.decides_at_run_time() && plan.reuse != cache::Reuse::velocity)
    throw InputError(
        fmt::format("{}={}: decides from the states of a layer, of which each rank has a part; "
                    "expected another cache, or infer.diffusion.cp_size=1 and cfg_size=1",
                    cache::kCacheKey, choice.name));
}

}  // namespace

std::optional<cache::Choice> cache_choice(const Request& request) {
  if (!request.flexcache) return std::nullopt;
  return cache::Choice{*request.flexcache, request.flexcache_params.value_or(cache::Params())};
}

bool parks(const cache::Choice& choice, const memory::MemoryPlan& plan) {
  return cache::ParamReader(choice.params).flag("offload").value_or(plan.offload_activations);
}

void check_cache(const Request& request, const cache::Schedule& schedule,
                 const cache::ModelFacts& model, int ranks) {
  if (const auto choice = cache_choice(request)) {
    cache::ModelFacts without_weights = model;
    without_weights.embed_time = {};
    cache::find_cache(*choice);
    if (schedule.count() > 0)
      refuse_for_ranks(cache::plan_of(*choice, schedule, without_weights), *choice, ranks);
  } else if (request.flexcache_params && !request.flexcache_params->empty()) {
    throw InputError(fmt::format("{}: expected none, since {} is null",
                                 cache::param_key(request.flexcache_params->begin()->first),
                                 cache::kCacheKey));
  }
}

std::unique_ptr<cache::Session> open_cache(const std::vector<const Request*>& requests,
                                           const CacheFacts& facts, cache::Schedule schedule,
                                           std::size_t branches, const memory::MemoryPlan& plan) {
  const auto choice = cache_choice(*requests.front());
  for (const Request* request : requests)
    if (cache_choice(*request) != choice)
      throw Error("requests with different caches do not take their steps together");
  if (!choice || schedule.timesteps.empty()) return nullptr;
  refuse_without_facts(facts, *choice);
  auto planned = cache::plan_of(*choice, schedule, facts(*requests.front()));
  if (!device::in_dry_run())
    for (const std::string& warning : planned.warnings) logger("flexcache")->warn("{}", warning);
  return std::make_unique<cache::Session>(std::move(planned), requests.size(), branches,
                                          parks(*choice, plan));
}

}  // namespace chitu::pipelines
