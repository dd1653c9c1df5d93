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
#include "pipelines/stages/shared_branches.h"

namespace chitu::pipelines {

/// What a denoising stage starts from, for one video.
template <graph::Value Condition>
struct DenoiseStart {
  const at::Tensor& latents;
  const Condition& condition;
  const Job& job;
};

/// The transformer of a family as the denoising stage sees it.
///
/// Condition  its conditioning: text embeddings, or a family's own value with an image beside them
template <graph::Value Condition>
class Predictor {
 public:
  virtual ~Predictor() = default;
  virtual memory::Component& component() const = 0;
  /// Prepares what stays the same at every step. With plan.guidance_interleave all prompts form one
  /// branch, else each has a branch of its own; every branch is of all videos.
  ///
  /// videos  of latents only the shape, the same for all, and the device are read
  virtual GuidanceBranches branches(const std::vector<DenoiseStart<Condition>>& videos,
                                    const memory::MemoryPlan& plan) const = 0;
  /// The latents that the last of all steps hands on.
  virtual at::Tensor finished(const at::Tensor& latents, const Condition& /*condition*/) const {
    return latents;
  }
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
    return graph::sole_outcome(run_several({{start, condition, job}}, context));
  }
  std::vector<graph::Outcome<graph::Latents>> run_several(
      const std::vector<graph::RunInputs<Inputs>>& runs, graph::Context& context) const {
    std::vector<graph::Latents> starts;
    for (const auto& [start, condition, job] : runs)
      starts.push_back(with_latents_on(component_device(context), start));
    std::vector<DenoiseLoop::Video> videos;
    std::vector<DenoiseStart<Condition>> prepared;
    for (std::size_t i = 0; i < runs.size(); ++i) {
      const auto& [start, condition, job] = runs[i];
      videos.push_back({starts[i], job});
      prepared.push_back({starts[i].latents, condition, job});
    }
    const auto branches =
        shared_branches(predictor->branches(prepared, context.plan), loop.guidance_ranks);
    auto outcomes = loop.run(videos, predictor->component(), branches, context);
    for (std::size_t i = 0; i < runs.size(); ++i)
      if (auto* made = std::get_if<graph::Latents>(&outcomes[i]); made && all_steps_taken(*made))
        made->latents = predictor->finished(made->latents, prepared[i].condition);
    return outcomes;
  }

 private:
  c10::Device component_device(const graph::Context& context) const {
    return context.plan.component(predictor->component().name()).device;
  }
};
static_assert(graph::StageWithKnownOutput<Denoise<graph::TextEmbeddings>>);
static_assert(graph::StageForSeveral<Denoise<graph::TextEmbeddings>>);

}  // namespace chitu::pipelines
