#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <functional>
#include <iterator>
#include <memory>
#include <string_view>
#include <vector>

#include "chitu_core/cache/pass_cache.h"
#include "chitu_core/cache/plan.h"
#include "chitu_core/cache/velocity_history.h"
#include "chitu_core/memory/layer_range.h"

namespace chitu::cache {

class BranchCache;

/// The cached state of one denoising stage: of all its videos and guidance branches. It begins
/// empty and ends with the stage, so that neither another transformer nor another request sees it.
///
///     session.begin(announce);
///     for each step:
///       session.begin_step(i);
///       if (session.reuses_velocity(...)) v = session.velocity(video, ...) for each video
///       else for each branch: session.begin_pass(branch), the model's pass with of_branch(branch)
///       session.record(video, latents, sigma, v) for each video
class Session {
 public:
  using Announce = std::function<void(const memory::LayerRange& layers)>;

  /// branches  passes of the model per step
  /// parked    what is kept waits in host memory
  Session(CachePlan plan, std::size_t videos, std::size_t branches, bool parked);
  ~Session();

  const CachePlan& plan() const { return plan_; }
  /// Announces passes of the model before their first layer: all of them, or, where decisions come
  /// at run time, each when it is decided.
  void begin(Announce announce);
  /// Step of the plan, from 0.
  void begin_step(std::size_t step);
  std::size_t step() const { return step_; }
  void drop(std::size_t video);

  /// Whether the step calls no model. `latents` and the noise levels are those of the first video.
  bool reuses_velocity(const at::Tensor& latents, double sigma_now, double sigma_next);
  at::Tensor velocity(std::size_t video, const at::Tensor& latents, double sigma_now,
                      double sigma_next) const;
  /// A step of a video: where it was, and the velocity it took.
  void record(std::size_t video, const at::Tensor& latents, double sigma,
              const at::Tensor& velocity);

  /// Announces the pass, unless begin() did.
  void begin_pass(std::size_t branch);
  /// Null if the model has nothing to ask.
  PassCache* of_branch(std::size_t branch);
  /// Layers that each pass of this step computes, or computed where that is decided at run time.
  memory::LayerRange computed_layers() const;
  /// False in a dry run, if a run may skip this step.
  bool decides_step() const;
  std::int64_t passes_per_step() const { return std::ssize(branches_); }
  /// What the step does: "compute", "reuse" or "forecast".
  std::string_view decision() const;

  /// Tensors that are kept now, without those of velocities.
  std::int64_t held() const;
  /// What decides, besides the number of the step, how many bytes the state has: the plan's
  /// decision for this step, and the tensors that are held.
  std::vector<std::int64_t> kind() const;

 private:
  friend class BranchCache;
  /// At run time: whether this step reuses, of this relative change.
  bool decide(double change);

  CachePlan plan_;
  std::vector<std::unique_ptr<BranchCache>> branches_;
  std::vector<VelocityHistory> histories_;  ///< of each video
  Announce announce_;
  std::size_t step_ = 0;
  bool announces_ahead_ = false;
  bool reused_ = false;          ///< this step, as decided at run time
  double changes_ = 0;           ///< since the last computed step
  std::int64_t reused_row_ = 0;  ///< steps since then
};

}  // namespace chitu::cache
