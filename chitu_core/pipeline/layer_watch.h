#pragma once

#include <optional>
#include <string>

#include "chitu_core/device/planning.h"
#include "chitu_core/memory/layer_observer.h"
#include "chitu_core/pipeline/context.h"

namespace chitu::pipeline {

/// Looks before every layer whether the user asked to stop, then tells who brings the layers: a
/// pass of a large model takes long, and Ctrl-C should not.
class LayerWatch final : public memory::LayerObserver {
 public:
  /// `next` may be null; both outlive the watch.
  LayerWatch(const Context& context, memory::LayerObserver* next)
      : context_(context), next_(next) {}

  void before_layer(std::int64_t index) override {
    context_.check_stop();
    part_.emplace("layer " + std::to_string(index));
    if (next_) next_->before_layer(index);
  }
  void after_layer(std::int64_t index) override {
    if (next_) next_->after_layer(index);
    part_.reset();
  }

 private:
  const Context& context_;
  memory::LayerObserver* next_;
  std::optional<device::PlannedPart> part_;
};

}  // namespace chitu::pipeline
