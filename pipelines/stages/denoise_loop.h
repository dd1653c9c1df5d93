#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "chitu_core/cache/session.h"
#include "chitu_core/graph/context.h"
#include "chitu_core/graph/stage.h"
#include "chitu_core/graph/values.h"
#include "chitu_core/memory/component.h"
#include "chitu_core/memory/layer_observer.h"
#include "chitu_core/models/guidance.h"
#include "chitu_core/models/schedulers/scheduler.h"
#include "chitu_core/parallel/guidance_ranks.h"
#include "pipelines/flexcache/cache_choice.h"
#include "pipelines/model/pipeline.h"
#include "pipelines/stages/scheduling.h"

namespace chitu::pipelines {

/// Prompts that pass the layers of a transformer together, prepared for one video or for several of
/// the same shape.
class GuidanceBranch {
 public:
  virtual ~GuidanceBranch() = default;
  /// latents   of each video, [B, C, F, H, W], the same shape at every step
  /// timestep  0 to num_train_timesteps, as the scheduler gives it
  /// layers    gets the events of every layer
  /// returns   for each video one velocity per prompt of the branch, each in the shape of the
  ///           latents
  virtual std::vector<std::vector<at::Tensor>> predict(const std::vector<at::Tensor>& latents,
                                                       double timestep,
                                                       memory::LayerObserver& layers) = 0;
  /// What says which layers compute in the passes that follow; null = all.
  ///
  /// throws  Error for a model that asks no cache
  virtual void use_cache(cache::PassCache* cache);
  /// Leaves a video out from now on; those behind it move up.
  virtual void drop(std::size_t video) = 0;
};
/// All branches of a step in order: the first velocity of a video is that of the prompt, the
/// second, with guidance, that of the negative prompt.
using GuidanceBranches = std::vector<std::unique_ptr<GuidanceBranch>>;

/// Combines the two velocities.
struct Guidance {
  /// As models::classifier_free_guidance.
  at::Tensor (*combine)(const at::Tensor& cond, const at::Tensor& uncond,
                        double scale) = &models::classifier_free_guidance;
  double (*scale)(const Request& request) = [](const Request& request) {
    return request.guidance_scale;
  };
  const char* key = "guidance_scale";  ///< the field of the request that scale() reads
};

/// The steps of one denoising stage, for any model. Two stages with a transformer each can share a
/// schedule: the first takes the steps with large timesteps, the second the rest.
struct DenoiseLoop {
  Scheduling scheduling;
  Guidance guidance{};
  /// Takes the next steps while their timestep is at least this; 0 = all that are left.
  double least_timestep = 0;
  parallel::GuidanceRanks guidance_ranks{};
  /// Of the model, for caches of requests; empty = it has none.
  CacheFacts cache_facts{};

  /// Returns the latents unchanged if this stage takes none of the steps.
  std::optional<graph::Latents> known(const graph::Latents& start, const Job& job,
                                      graph::Context& context) const;

  /// One of several videos that take their steps together.
  struct Video {
    const graph::Latents& start;
    const Job& job;
  };
  /// Reports every step to the observers, counted over the whole schedule. Latents without a
  /// scheduler start at its first step.
  ///
  /// component  the branches pass its layers
  /// branches   prepared for these videos, which all have the same schedule
  /// returns    if latents are not finite, the Error as the outcome of that video
  /// throws     Interrupted; Error if the schedules differ
  std::vector<graph::Outcome<graph::Latents>> run(const std::vector<Video>& videos,
                                                  memory::Component& component,
                                                  const GuidanceBranches& branches,
                                                  graph::Context& context) const;

 private:
  std::unique_ptr<cache::Session> open_cache(const std::vector<Video>& videos,
                                             const models::Scheduler& schedule,
                                             std::size_t branches,
                                             const graph::Context& context) const;
  std::unique_ptr<models::Scheduler> schedule_of(const graph::Latents& start, const Job& job,
                                                 graph::Context& context) const;
  std::int64_t steps_of(const models::Scheduler& schedule) const;
};

/// Whether these latents are at the end of their schedule.
bool all_steps_taken(const graph::Latents& latents);

/// The same latents on a device: those that waited on disk come back on the host.
graph::Latents with_latents_on(c10::Device device, const graph::Latents& latents);

}  // namespace chitu::pipelines
