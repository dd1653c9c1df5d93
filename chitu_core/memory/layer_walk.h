#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "chitu_core/device/dry_run_repeats.h"
#include "chitu_core/memory/layer_observer.h"
#include "chitu_core/memory/module.h"

namespace chitu::memory {

/// One pass of a model through its layers: calls the observer and computes the layer. In a dry run,
/// layers whose weights have the same shapes and dtypes are computed once and then counted
/// (device::DryRunRepeats); the observer is called for each of them.
class LayerWalk {
 public:
  /// observer  may be null
  explicit LayerWalk(LayerObserver* observer) : observer_(observer) {}

  /// The next layer is this one: those before it are not computed.
  void skip_to(std::int64_t index) { index_ = index; }

  /// The next layer.
  ///
  /// state    what the layer's memory use depends on, apart from its weights and its position
  /// compute  leaves the bytes held unchanged
  void layer(const Module& layer, device::DryRunRepeats::Kind state, const auto& compute) {
    begin();
    repeats_.run(kind_of(layer, std::move(state)), compute);
    end();
  }
  /// The same for a layer that changes the bytes held or other state: `skip` makes that change when
  /// the layer is only counted.
  void layer(const Module& layer, device::DryRunRepeats::Kind state, const auto& compute,
             const auto& skip) {
    begin();
    repeats_.run(kind_of(layer, std::move(state)), compute, skip);
    end();
  }

 private:
  void begin() {
    if (observer_) observer_->before_layer(index_);
  }
  void end() {
    if (observer_) observer_->after_layer(index_);
    ++index_;
  }
  device::DryRunRepeats::Kind kind_of(const Module& layer, device::DryRunRepeats::Kind state);

  LayerObserver* observer_;
  std::int64_t index_ = 0;
  std::vector<const Module*> unlike_;  ///< the first layer of each kind
  device::DryRunRepeats repeats_;
};

}  // namespace chitu::memory
