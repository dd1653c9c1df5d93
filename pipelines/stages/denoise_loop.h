#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "chitu_core/graph/context.h"
#include "chitu_core/graph/stage.h"
#include "chitu_core/graph/values.h"
#include "chitu_core/memory/component.h"
#include "chitu_core/memory/layer_observer.h"
#include "chitu_core/models/guidance.h"
#include "chitu_core/models/schedulers/scheduler.h"
#include "pipelines/model/pipeline.h"

namespace chitu::pipelines {

/// Prompts that pass through the layers of a transformer together, prepared for one video or for
/// several of the same shape.
class GuidanceBranch {
 public:
  virtual ~GuidanceBranch() = default;
  /// latents   of each video, [B, C, F, H, W], the same shape at every step
  /// timestep  0 to num_train_timesteps, as the scheduler gives it
  /// layers    is told about every layer
  /// returns   for each video one velocity per prompt of the branch, each in the shape of the
  ///           latents
  virtual std::vector<std::vector<at::Tensor>> predict(const std::vector<at::Tensor>& latents,
                                                       double timestep,
                                                       memory::LayerObserver& layers) = 0;
  /// Leaves a video out from now on; those behind it move up.
  virtual void drop(std::size_t video) = 0;
};
/// All branches of a step in order: the first velocity of a video is the prompt's, the second, with
/// guidance, the negative prompt's.
using GuidanceBranches = std::vector<std::unique_ptr<GuidanceBranch>>;

/// How two velocities become one.
struct Guidance {
  /// As models::classifier_free_guidance.
  at::Tensor (*combine)(const at::Tensor& cond, const at::Tensor& uncond,
                        double scale) = &models::classifier_free_guidance;
  double (*scale)(const Request& request) = [](const Request& request) {
    return request.guidance_scale;
  };
};

/// The steps of one denoising stage, whatever the model. Two stages with a transformer each share a
/// schedule: the first takes the steps of large timesteps, the second those that are left.
struct DenoiseLoop {
  std::shared_ptr<const models::SchedulerFactory> scheduler;
  Guidance guidance{};
  /// Takes the steps that come next while their timestep is at least this; 0 = all that are left.
  double least_timestep = 0;

  /// The latents as they came where none of the steps is this stage's.
  std::optional<graph::Latents> known(const graph::Latents& start, const Job& job,
                                      graph::Context& context) const;

  /// One of several videos that take their steps together.
  struct Video {
    const graph::Latents& start;
    const Job& job;
  };
  /// Tells the observers about every step and counts them through the whole schedule. Latents
  /// without a scheduler begin at its first step.
  ///
  /// component  whose layers the branches pass
  /// branches   prepared for these videos, which all have the same schedule
  /// returns    where latents are not finite, the Error as the outcome of that video
  /// throws     Interrupted; Error when the schedules differ
  std::vector<graph::Outcome<graph::Latents>> run(const std::vector<Video>& videos,
                                                  memory::Component& component,
                                                  const GuidanceBranches& branches,
                                                  graph::Context& context) const;

 private:
  std::unique_ptr<models::Scheduler> schedule_of(const graph::Latents& start, const Job& job,
                                                 graph::Context& context) const;
  std::int64_t steps_of(const models::Scheduler& schedule) const;
};

/// The same latents on a device: those that waited on disk come back on the host.
graph::Latents with_latents_on(c10::Device device, const graph::Latents& latents);

}  // namespace chitu::pipelines
