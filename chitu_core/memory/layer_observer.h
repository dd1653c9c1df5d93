#pragma once

#include <cstdint>

namespace chitu::memory {

/// A model calls this before and after each of its layers. Streaming uses it to fetch a layer's
/// weights and to release them; progress and tests use it to watch.
class LayerObserver {
 public:
  virtual ~LayerObserver() = default;
  /// Layer `index` computes next; its weights must be bound when this returns.
  virtual void before_layer(std::int64_t index) = 0;
  /// Layer `index` has computed for all inputs of this pass.
  virtual void after_layer(std::int64_t index) = 0;
};

}  // namespace chitu::memory
