#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "chitu_core/cache/choice.h"
#include "chitu_core/cache/plan.h"
#include "chitu_core/cache/session.h"
#include "chitu_core/memory/plan.h"
#include "pipelines/model/request.h"

namespace chitu::pipelines {

/// What a cache may know of the model for a request; empty = the model has no caches.
using CacheFacts = std::function<cache::ModelFacts(const Request& request)>;

/// The cache of a request; empty = none. Parameters with the value of a default are left out.
std::optional<cache::Choice> cache_choice(const Request& request);

/// Whether what the cache keeps waits in host memory: as the request says, else as the plan does
/// with activations.
bool parks(const cache::Choice& choice, const memory::MemoryPlan& plan);

/// Checks the cache of a request before any work.
///
/// schedule  of all its steps
/// ranks     that share the request: a cache that decides from the states of a layer would decide
///           otherwise on each of them, and is refused
/// throws    InputError naming request.flexcache or one of its parameters, with near values; also
///           for parameters without a cache
void check_cache(const Request& request, const cache::Schedule& schedule,
                 const cache::ModelFacts& model, int ranks);

/// The cached state of requests that take their steps together; null without a cache. Logs the
/// warnings of the plan.
///
/// requests  all with the same cache
/// schedule  of the steps that the model takes
/// branches  passes of the model per step
std::unique_ptr<cache::Session> open_cache(const std::vector<const Request*>& requests,
                                           const CacheFacts& facts, cache::Schedule schedule,
                                           std::size_t branches, const memory::MemoryPlan& plan);

}  // namespace chitu::pipelines
