#include "chitu_core/graph/graph.h"

#include <algorithm>

#include "chitu_core/device/errors.h"
#include "chitu_core/device/planning.h"

namespace chitu::graph {
namespace {

bool uses(const Graph::StageInfo& stage, const memory::Component* component) {
  return std::find(stage.components.begin(), stage.components.end(), component) !=
         stage.components.end();
}

}  // namespace

void Graph::append(StageInfo info, std::string value_name, Calls calls) {
  for (const StageInfo& stage : stages_)
    if (stage.name == info.name) throw Error("graph: two stages are named " + info.name);
  for (const std::size_t slot : info.inputs) slots_[slot].last_reader = stages_.size();
  slots_.push_back({std::move(value_name), stages_.size(), npos});
  stages_.push_back(std::move(info));
  calls_.push_back(std::move(calls));
}

std::vector<Graph::Lifetime> Graph::lifetimes() const {
  std::vector<Lifetime> lifetimes;
  for (std::size_t i = 0; i < stages_.size(); ++i) {
    for (memory::Component* component : stages_[i].components) {
      const auto known = std::find_if(lifetimes.begin(), lifetimes.end(),
                                      [&](const Lifetime& l) { return l.component == component; });
      if (known == lifetimes.end())
        lifetimes.push_back({component, i, i});
      else
        known->last_stage = i;
    }
  }
  return lifetimes;
}

void Graph::onload_for(std::size_t stage, Context& context) const {
  for (memory::Component* component : stages_[stage].components) {
    const memory::ComponentPlan& plan = context.plan.component(component->name());
    const bool came =
        plan.residency == memory::Residency::streamed
            ? component->onload_streamed(plan.format(), context.plan.stream_options(plan))
            : component->onload(plan.format());
    if (!came) continue;
    context.tell([&](Observer& observer) {
      observer.component_onloaded(component->name(), component->module().bound_bytes());
    });
  }
}

void Graph::offload_after(std::size_t stage, Context& context) const {
  for (memory::Component* component : stages_[stage].components) {
    const bool next_uses = stage + 1 < stages_.size() && uses(stages_[stage + 1], component);
    const auto& plan = context.plan.component(component->name());
    if (plan.residency == memory::Residency::resident || next_uses) continue;
    if (!component->onloaded()) continue;
    component->offload();
    context.tell([&](Observer& observer) { observer.component_offloaded(component->name()); });
  }
}

std::any Graph::output_of(std::size_t stage, const std::vector<std::any>& values,
                          Context& context) const {
  const Calls& calls = calls_[stage];
  if (calls.known)
    if (std::any known = calls.known(values, context); known.has_value()) return known;
  onload_for(stage, context);
  return calls.run(values, context);
}

std::vector<bool> Graph::stages_for(std::size_t wanted) const {
  std::vector<bool> slots(slots_.size()), stages(stages_.size());
  slots[wanted] = true;
  for (std::size_t i = stages_.size(); i-- > 0;) {
    stages[i] = slots[stages_[i].output];
    if (!stages[i]) continue;
    for (const std::size_t slot : stages_[i].inputs) slots[slot] = true;
  }
  return stages;
}

std::any Graph::execute(std::vector<std::any> values, std::size_t wanted, Context& context) const {
  values.resize(slots_.size());
  const std::vector<bool> needed = stages_for(wanted);
  for (std::size_t i = 0; i < stages_.size(); ++i) {
    if (!needed[i]) continue;
    const StageInfo& stage = stages_[i];
    const device::PlannedPart part(stage.name);
    context.check_stop();
    try {
      with_context("stage " + stage.name, [&] {
        context.tell([&](Observer& observer) { observer.stage_begin(stage.name); });
        values[stage.output] =
            device::with_own_errors([&] { return output_of(i, values, context); });
        context.tell([&](Observer& observer) { observer.stage_end(stage.name); });
      });
    } catch (...) {
      offload_after(i, context);
      throw;
    }
    offload_after(i, context);
    for (std::size_t slot = 0; slot < slots_.size(); ++slot)
      if (slot != wanted && slots_[slot].last_reader == i) values[slot].reset();
  }
  return std::move(values[wanted]);
}

}  // namespace chitu::graph
