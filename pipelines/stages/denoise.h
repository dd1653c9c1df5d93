#pragma once

#include <memory>
#include <optional>
#include <string_view>
#include <tuple>
#include <vector>

#include "chitu_core/graph/stage.h"
#include "chitu_core/graph/values.h"
#include "chitu_core/memory/component.h"
#include "chitu_core/memory/plan.h"
#include "pipelines/model/pipeline.h"
#include "pipelines/stages/denoise_loop.h"

namespace chitu::pipelines {

/// The transformer of a family as the denoising stage sees it.
///
/// Condition  its conditioning: text embeddings, or a family's own value with an image beside them
template <graph::Value Condition>
class Predictor {
 public:
  virtual ~Predictor() = default;
  virtual memory::Component& component() const = 0;
  /// Prepares what stays the same at every step. With plan.guidance_interleave all prompts form one
  /// branch, else each has a branch of its own.
  ///
  /// latents  only their shape and device are read
  virtual GuidanceBranches branches(const at::Tensor& latents, const Condition& condition,
                                    const Job& job, const memory::MemoryPlan& plan) const = 0;
};

/// Steps from noise towards clean latents along the scheduler's sigmas. If this stage takes none of
/// the steps, its component is not loaded.
template <graph::Value Condition>
struct Denoise {
  using Inputs = std::tuple<graph::Latents, Condition, Job>;
  using Output = graph::Latents;
  static constexpr std::string_view name = "denoise";
  std::shared_ptr<const Predictor<Condition>> predictor;
  DenoiseLoop loop;

  std::vector<memory::Component*> components() const { return {&predictor->component()}; }
  std::optional<graph::Latents> known(const graph::Latents& start, const Condition&, const Job& job,
                                      graph::Context& context) const {
    return loop.known(start, job, context);
  }
  graph::Latents run(const graph::Latents& start, const Condition& condition, const Job& job,
                     graph::Context& context) const {
    return loop.run(start, predictor->component(),
                    predictor->branches(start.latents, condition, job, context.plan), job, context);
  }
};
static_assert(graph::StageWithKnownOutput<Denoise<graph::TextEmbeddings>>);

}  // namespace chitu::pipelines
