#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "chitu_core/cache/choice.h"
#include "chitu_core/cache/params.h"
#include "chitu_core/cache/plan.h"
#include "chitu_core/common/registry.h"

namespace chitu::cache {

/// A way to reuse what earlier steps computed. It plans and runs nothing; a Session follows the
/// plan. Registered by name in Registry<Cache>, for `request.flexcache`.
class Cache {
 public:
  virtual ~Cache() = default;
  /// Its own parameters, without those of every cache (common_params()).
  virtual std::vector<ParamSpec> params() const = 0;
  /// Whether it decides at run time, from values: requests with it do not share their steps.
  virtual bool decides_at_run_time() const { return false; }
  /// throws  InputError naming a key of the request that does not suit the schedule or the model
  virtual CachePlan plan(const ParamReader& params, const Schedule& schedule,
                         const ModelFacts& model) const = 0;
};

/// The parameters that every cache has.
std::vector<ParamSpec> common_params();
/// All parameters of a cache.
std::vector<ParamSpec> params_of(const Cache& cache);

/// throws  InputError naming request.flexcache or a parameter
const Cache& find_cache(const Choice& choice);

/// The plan of a checked choice. The first step computes all layers: there is nothing to reuse.
///
/// throws  InputError as find_cache() and Cache::plan()
CachePlan plan_of(const Choice& choice, const Schedule& schedule, const ModelFacts& model);

/// Steps at the start and at the end that are always computed.
struct Edges {
  std::int64_t warmup, cooldown;
  bool contain(std::int64_t step, std::int64_t count) const {
    return step < warmup || step >= count - cooldown;
  }
};

/// request.flexcache_params.warmup and .cooldown, or the cache's own values.
///
/// throws  InputError if together they are no less than the steps, where one of them was given
Edges edges_of(const ParamReader& params, Edges own, std::int64_t steps);

}  // namespace chitu::cache
