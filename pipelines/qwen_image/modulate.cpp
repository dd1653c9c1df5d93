#include <ATen/ATen.h>

#include <algorithm>

#include "chitu_core/graph/layer_watch.h"
#include "pipelines/qwen_image/stages.h"

namespace chitu::pipelines::qwen_image {
namespace {

/// Schedules, each once, and their modulations.
class Schedules {
 public:
  std::size_t add(const std::vector<double>& timesteps) {
    const auto found = std::ranges::find(timesteps_, timesteps);
    if (found != timesteps_.end()) return static_cast<std::size_t>(found - timesteps_.begin());
    timesteps_.push_back(timesteps);
    return timesteps_.size() - 1;
  }

  std::vector<models::QwenImageModulations> modulations(Modulation& component,
                                                        graph::Context& context) const {
    const c10::Device device = context.plan.component(component.name()).device;
    graph::LayerWatch layers(context, component, static_cast<std::int64_t>(timesteps_.size()));
    std::vector<models::QwenImageModulations> made;
    for (const auto& timesteps : timesteps_)
      made.push_back(component.model().modulations(timesteps, device, &layers));
    return made;
  }

 private:
  std::vector<std::vector<double>> timesteps_;
};

void keep_mu(const Scheduling& scheduling, const Request& request, graph::Context& context) {
  if (!context.dump || !scheduling.options) return;
  const auto schedule = scheduling.factory->make(request.flow_shift);
  if (const auto mu = scheduling.options(*schedule, request).mu)
    context.keep("mu", at::tensor({*mu}, at::kDouble));
}

}  // namespace

graph::StoredValue Condition::to_stored() const {
  graph::StoredValue stored = text.to_stored();
  stored.add("timesteps", at::tensor(timesteps, at::kDouble));
  stored.add("block_modulations", modulations.blocks);
  stored.add("head_modulations", modulations.head);
  return stored;
}

Condition Condition::from_stored(const graph::StoredValue& stored) {
  Condition condition{graph::TextEmbeddings::from_stored(stored), {}, {}};
  const at::Tensor& timesteps = stored.tensor("timesteps");
  const double* numbers = timesteps.const_data_ptr<double>();
  condition.timesteps.assign(numbers, numbers + timesteps.numel());
  condition.modulations = {stored.tensor("block_modulations"), stored.tensor("head_modulations")};
  return condition;
}

Condition Modulate::run(const graph::TextEmbeddings& text, const Job& job,
                        graph::Context& context) const {
  return graph::sole_outcome(run_several({{text, job}}, context));
}

std::vector<graph::Outcome<Condition>> Modulate::run_several(
    const std::vector<graph::RunInputs<Inputs>>& runs, graph::Context& context) const {
  Schedules schedules;
  std::vector<std::vector<double>> timesteps;
  std::vector<std::size_t> places;
  for (const auto& [text, job] : runs) {
    keep_mu(scheduling, job.request, context);
    timesteps.push_back(scheduling.start(job.request)->timesteps());
    places.push_back(schedules.add(timesteps.back()));
  }
  const auto modulations = schedules.modulations(*modulation, context);
  std::vector<graph::Outcome<Condition>> conditions;
  for (std::size_t i = 0; i < runs.size(); ++i)
    conditions.emplace_back(Condition{std::get<0>(runs[i]), timesteps[i], modulations[places[i]]});
  return conditions;
}

}  // namespace chitu::pipelines::qwen_image
