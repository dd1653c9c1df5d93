#pragma once

#include <string>

#include "pipelines/flexcache/cache_decisions.h"

namespace chitu::pipelines {

/// What a cache decided, as an SVG picture: a column for each step and a row for each layer, in the
/// colours of computed, reused and forecast layers. The names of experts stand above their steps.
///
/// title  a line above it
std::string cache_svg(const CacheDecisions& decisions, const std::string& title);

}  // namespace chitu::pipelines
