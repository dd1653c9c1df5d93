#pragma once

#include <optional>
#include <string>

#include "chitu_core/device/dry_run.h"
#include "chitu_core/graph/context.h"
#include "chitu_core/memory/component.h"
#include "chitu_core/memory/layer_observer.h"
#include "chitu_core/memory/stream_observer.h"

namespace chitu::graph {

/// Called before every layer of a component. Checks for a stop request, since a pass of a large
/// model takes long; then has the component load the layer. Passes the events of layers and of
/// streaming to the observers of the run.
class LayerWatch final : public memory::LayerObserver, private memory::StreamObserver {
 public:
  struct PartialPasses {};
  /// Announces this many passes over the component's layers; both references must outlive the
  /// watch.
  LayerWatch(const Context& context, memory::Component& component, std::int64_t passes)
      : context_(context), component_(component), next_(component.begin_passes(passes, this)) {}
  /// The same for passes that may skip layers: at most so many, each announced by announce().
  LayerWatch(const Context& context, memory::Component& component, std::int64_t most_passes,
             PartialPasses)
      : context_(context),
        component_(component),
        next_(component.begin_partial_passes(most_passes, this)) {}
  ~LayerWatch() override { component_.end_passes(); }
  LayerWatch(const LayerWatch&) = delete;
  LayerWatch& operator=(const LayerWatch&) = delete;

  /// One more pass, over these layers, or the rest of one.
  void announce(const memory::LayerRange& layers) { component_.announce_pass(layers); }

  void before_layer(std::int64_t index) override {
    context_.check_stop();
    part_.emplace("layer " + std::to_string(index));
    if (next_) next_->before_layer(index);
    context_.tell([&](Observer& o) { o.layer_begin(component_.name(), index); });
  }
  void after_layer(std::int64_t index) override {
    context_.tell([&](Observer& o) { o.layer_end(component_.name(), index); });
    if (next_) next_->after_layer(index);
    part_.reset();
  }

 private:
  void streamed(const memory::StreamEvent& event) noexcept override {
    context_.tell([&](Observer& o) { o.layer_streamed(component_.name(), event); });
  }

  const Context& context_;
  memory::Component& component_;
  memory::LayerObserver* next_;
  std::optional<device::DryRunPart> part_;
};

}  // namespace chitu::graph
