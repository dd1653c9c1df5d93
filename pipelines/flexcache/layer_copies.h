#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>

#include "chitu_core/memory/stream_observer.h"
#include "pipelines/flexcache/cache_decisions.h"

namespace chitu::pipelines {

/// The bytes of streamed layers that were copied to the device, and those that a cache saved.
class LayerCopies {
 public:
  void add(std::string_view component, const memory::StreamEvent& event);

  /// Of the components that the decisions are about.
  std::int64_t copied_bytes(const CacheDecisions& decisions) const;
  /// Of the layers that steps left out, each as large as it was in the passes that had it. A layer
  /// that stays on the device has no copies to save.
  std::int64_t saved_bytes(const CacheDecisions& decisions) const;

 private:
  using Layer = std::pair<std::string, std::int64_t>;  ///< component, index
  std::map<Layer, std::int64_t> copied_;
};

}  // namespace chitu::pipelines
