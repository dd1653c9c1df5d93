#include "chitu_core/graph/graph.h"

#include <algorithm>

#include "chitu_core/device/dry_run.h"
#include "chitu_core/device/errors.h"

namespace chitu::graph {
namespace {

using Components = std::vector<memory::Component*>;

void onload(memory::Component& component, Context& context) {
  const memory::ComponentPlan& plan = context.plan.component(component.name());
  const memory::WeightFormat format = context.plan.format(plan);
  const bool came = plan.residency == memory::Residency::streamed
                        ? component.onload_streamed(format, context.plan.stream_options(plan))
                        : component.onload(format);
  if (!came) return;
  context.tell([&](Observer& observer) {
    observer.component_onloaded(component.name(), component.module().bound_bytes());
  });
}

/// Frees what a stage used, as the plan says, unless the next stage uses it too.
void offload(const Components& used, const Components& used_next, Context& context) {
  for (memory::Component* component : used) {
    if (std::ranges::find(used_next, component) != used_next.end()) continue;
    const memory::ComponentPlan& plan = context.plan.component(component->name());
    if (plan.residency == memory::Residency::resident || !component->onloaded()) continue;
    component->offload();
    context.tell([&](Observer& observer) { observer.component_offloaded(component->name()); });
  }
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
    for (const memory::Component* component : stages_[i].components) {
      const auto goes_on = std::ranges::find_if(lifetimes, [&](const Lifetime& life) {
        return life.component == component && life.last_stage + 1 == i;
      });
      if (goes_on == lifetimes.end())
        lifetimes.push_back({component, i, i});
      else
        goes_on->last_stage = i;
    }
  }
  return lifetimes;
}

std::any Graph::output_of(std::size_t stage, const std::vector<std::any>& values,
                          Context& context) const {
  const Calls& calls = calls_[stage];
  if (calls.known)
    if (std::any known = calls.known(values, context); known.has_value()) return known;
  for (memory::Component* component : calls.components) onload(*component, context);
  return calls.run(values, context);
}

std::vector<std::size_t> Graph::stages_for(std::size_t wanted) const {
  std::vector<bool> slots(slots_.size());
  std::vector<std::size_t> stages;
  slots[wanted] = true;
  for (std::size_t i = stages_.size(); i-- > 0;) {
    if (!slots[stages_[i].output]) continue;
    stages.insert(stages.begin(), i);
    for (const std::size_t slot : stages_[i].inputs) slots[slot] = true;
  }
  return stages;
}

std::any Graph::run_stage(std::size_t stage, const std::vector<std::any>& values,
                          Context& context) const {
  const std::string& name = stages_[stage].name;
  const device::DryRunPart part(name);
  context.check_stop();
  return with_context("stage " + name, [&] {
    context.tell([&](Observer& observer) { observer.stage_begin(name); });
    std::any output = device::with_own_errors([&] { return output_of(stage, values, context); });
    context.tell([&](Observer& observer) { observer.stage_end(name); });
    return output;
  });
}

void Graph::drop_after(std::size_t stage, std::size_t wanted, std::vector<std::any>& values) const {
  for (std::size_t slot = 0; slot < slots_.size(); ++slot)
    if (slot != wanted && slots_[slot].last_reader == stage) values[slot].reset();
}

std::any Graph::execute(std::vector<std::any> values, std::size_t wanted, Context& context) const {
  values.resize(slots_.size());
  const std::vector<std::size_t> order = stages_for(wanted);
  try {
    for (std::size_t at = 0; at < order.size(); ++at) {
      values[stages_[order[at]].output] = run_stage(order[at], values, context);
      offload(calls_[order[at]].components,
              at + 1 < order.size() ? calls_[order[at + 1]].components : Components(), context);
      drop_after(order[at], wanted, values);
    }
  } catch (...) {
    // Components may still be loaded for the stage that does not run now.
    for (const std::size_t stage : order) offload(calls_[stage].components, {}, context);
    throw;
  }
  return std::move(values[wanted]);
}

}  // namespace chitu::graph
