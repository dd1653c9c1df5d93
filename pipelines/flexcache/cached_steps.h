#pragma once

#include <ATen/core/Tensor.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "chitu_core/cache/session.h"
#include "chitu_core/device/dry_run_repeats.h"
#include "chitu_core/graph/context.h"
#include "chitu_core/graph/layer_watch.h"
#include "chitu_core/memory/component.h"
#include "chitu_core/models/schedulers/scheduler.h"

namespace chitu::pipelines {

/// The steps of a denoising stage with a cache. The references must outlive it.
class CachedSteps {
 public:
  /// Announces passes to the layers of the component.
  CachedSteps(cache::Session& session, const memory::Component& component,
              graph::LayerWatch& layers);

  /// Takes the next step. In a dry run a step that is like an earlier one is only counted.
  ///
  /// schedule  at the step
  /// returns   whether `compute` was called
  bool step(const models::Scheduler& schedule, const std::function<void()>& compute);

  /// For each video its velocity, guidance included, if the step calls no model.
  std::optional<std::vector<std::vector<at::Tensor>>> velocities(
      const std::vector<at::Tensor>& latents, const models::Scheduler& schedule);
  void begin_pass(std::size_t branch) { session_.begin_pass(branch); }
  /// A step that a video takes from its latents.
  void record(std::size_t video, const at::Tensor& latents, const models::Scheduler& schedule,
              const at::Tensor& velocity);
  void drop(std::size_t video) { session_.drop(video); }

  /// Tells the observers what the step did.
  void tell_decision(const graph::Context& context, std::int64_t index) const;

 private:
  cache::Session& session_;
  const memory::Component& component_;
  device::DryRunRepeats repeats_;
  std::size_t taken_ = 0;
};

}  // namespace chitu::pipelines
