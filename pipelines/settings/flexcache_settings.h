#pragma once

#include "chitu_core/cache/choice.h"
#include "chitu_core/config/bind/binder.h"

namespace chitu::pipelines {

/// `request.flexcache_params`: every parameter that a registered cache has, null unless given.
struct FlexcacheSettings {
  cache::Params params;
  void bind(config::Binder& binder);
};

}  // namespace chitu::pipelines
