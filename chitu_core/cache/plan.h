#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "chitu_core/memory/layer_range.h"

namespace chitu::cache {

/// The steps that one transformer takes, in order: all of a request, or an expert's part of them.
struct Schedule {
  std::vector<double> timesteps;  ///< of each step
  std::int64_t count() const { return static_cast<std::int64_t>(timesteps.size()); }
};

/// The steps of a request that a transformer takes.
enum class StepShare {
  all,
  high_noise,  ///< those with large timesteps; another transformer takes the rest
  low_noise,
};

/// What a cache may know of a model.
struct ModelFacts {
  std::int64_t layers = 0;
  std::int64_t width = 0;        ///< of its hidden states
  std::int64_t in_channels = 0;  ///< of its input, images included
  std::string_view family{};     ///< "wan" or "qwen_image", for published tables
  StepShare steps = StepShare::all;
  bool splits_attention = false;  ///< its layers ask the cache before each attention
  std::int64_t pixels = 0;        ///< of a frame of the request
  bool from_image = false;        ///< the request has an image
  /// The embedded timesteps, float32 [steps, D] on the CPU, or with `projected` the modulation of
  /// all blocks made of them, [steps, 6 D]. Empty: the model has none, or its weights are not
  /// there, as in a plan from configs alone.
  std::function<at::Tensor(const std::vector<double>& timesteps, bool projected)> embed_time{};
  bool embeds_time = false;  ///< embed_time() is there in a run
};

/// What of the work is reused.
enum class Reuse {
  velocity,   ///< the model's result: a step that reuses it calls no model
  residual,   ///< what a range of layers adds to the hidden states
  states,     ///< the hidden states after a range of layers
  attention,  ///< what attention adds to the hidden states, in each layer
};

/// What a denoising stage computes in each step. Known before the first step, except that a plan
/// with a threshold is the most that is computed: steps that it may reuse are decided as they come.
struct CachePlan {
  struct Step {
    /// Layers that compute. Reused velocities need none, and no other part of the model either.
    memory::LayerRange layers{};
    /// Reuse::velocity: a reused velocity is corrected by its change over so many last steps; 0 =
    /// none.
    std::int64_t span = 0;
    bool reuse_self_attention = false, reuse_cross_attention = false;  ///< Reuse::attention
    /// With a threshold: this step may reuse what was computed before.
    bool may_reuse = false;
  };

  Reuse reuse = Reuse::velocity;
  std::int64_t layers = 0;  ///< of the model
  std::vector<Step> steps;
  memory::LayerRange span{};  ///< whose result is reused (residual, states)
  /// Order of the polynomial through the last computed results that forecasts the next; 0 = the
  /// last one as it is.
  std::int64_t order = 0;
  /// For decisions at run time: the largest relative change under which a step is reused.
  std::optional<double> threshold{};
  bool sums_changes = false;     ///< the changes of the steps since the last computed one count
  std::int64_t most_reused = 0;  ///< steps in a row, with a threshold; 0 = any number
  std::vector<std::string> warnings{};
  /// The decisions depend on weights that are not there: the plan computes every step.
  bool is_upper_bound = false;

  bool decides_at_run_time() const { return threshold.has_value(); }
  bool computes_all(std::size_t step) const { return steps[step].layers.count() == layers; }
  /// Whether the step reuses something.
  bool reuses(std::size_t step) const {
    return !computes_all(step) || steps[step].reuse_self_attention ||
           steps[step].reuse_cross_attention;
  }
  /// The same, or decides that at run time.
  bool may_reuse(std::size_t step) const { return reuses(step) || steps[step].may_reuse; }
  /// Whether this step, or one after it, may.
  bool may_reuse_from(std::size_t step) const {
    for (; step < steps.size(); ++step)
      if (may_reuse(step)) return true;
    return false;
  }
};

/// A plan in which every step computes all layers.
CachePlan compute_all(Reuse reuse, const Schedule& schedule, const ModelFacts& model);

}  // namespace chitu::cache
