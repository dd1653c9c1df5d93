#pragma once

#include "chitu_core/cache/cache.h"
#include "chitu_core/common/registry.h"

namespace chitu {

/// A cache: plans which layers each denoising step computes, and runs nothing. Register it with
///
///     CHITU_REGISTER(chitu::Cache, EveryOther, "every_other");
///
/// and choose it with request.flexcache=every_other or Request::flexcache. A parameter that no
/// other cache has is added with +request.flexcache_params.NAME=VALUE.
using cache::Cache;

using cache::CachePlan;
using cache::compute_all;
using cache::Reuse;
using memory::LayerRange;
/// What a cache may know of a model and of its steps.
using CacheModel = cache::ModelFacts;
using CacheSchedule = cache::Schedule;
/// A parameter that it declares, and those that are given.
using CacheParam = cache::ParamSpec;
using CacheParamReader = cache::ParamReader;
/// First and last steps that are always computed, from `warmup` and `cooldown`.
using CacheEdges = cache::Edges;
using cache::edges_of;

}  // namespace chitu
