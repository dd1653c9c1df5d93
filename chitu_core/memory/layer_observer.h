#pragma once

#include <cstdint>

namespace chitu::memory {

/// Told by a model as it walks through its layers: where streaming brings a layer's weights in and
/// lets them go, and where progress and tests look on.
class LayerObserver {
 public:
  virtual ~LayerObserver() = default;
  /// Layer `index` computes next; its weights must be bound when this returns.
  virtual void before_layer(std::int64_t index) = 0;
  /// Layer `index` has computed for all inputs of this pass.
  virtual void after_layer(std::int64_t index) = 0;
};

}  // namespace chitu::memory
