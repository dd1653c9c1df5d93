#include "chitu_core/graph/execution.h"

#include <algorithm>

#include "chitu_core/device/dry_run.h"
#include "chitu_core/device/errors.h"

namespace chitu::graph {
namespace {

bool uses(const Graph::StageInfo& stage, const memory::Component* component) {
  return std::ranges::find(stage.components, component) != stage.components.end();
}

bool reads(const Graph::StageInfo& stage, std::size_t slot) {
  return std::ranges::find(stage.inputs, slot) != stage.inputs.end();
}

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

std::exception_ptr in_stage(const std::string& name, const std::exception_ptr& error) {
  try {
    with_context("stage " + name, [&] { std::rethrow_exception(error); });
  } catch (...) {
    return std::current_exception();
  }
  return nullptr;
}

}  // namespace

Execution::Execution(const Graph& graph, std::any input, std::size_t wanted)
    : graph_(&graph), wanted_(wanted), values_(graph.slots().size()) {
  values_[0] = std::move(input);
  stages_ = stages_for(wanted);
}

std::vector<std::size_t> Execution::stages_for(std::size_t wanted) const {
  std::vector<bool> slots(values_.size());
  std::vector<std::size_t> stages;
  slots[wanted] = true;
  for (std::size_t i = graph_->stages().size(); i-- > 0;) {
    const Graph::StageInfo& stage = graph_->stages()[i];
    if (!slots[stage.output] || values_[stage.output].has_value()) continue;
    stages.insert(stages.begin(), i);
    for (const std::size_t slot : stage.inputs) slots[slot] = true;
  }
  return stages;
}

void Execution::give_any(std::size_t slot, std::any value) {
  if (position_ != 0) throw Error("a value was given to a run that has begun");
  values_[slot] = std::move(value);
  stages_ = stages_for(wanted_);
}

bool Execution::is_read_later(std::size_t slot) const {
  return slot == wanted_ ||
         std::any_of(stages_.begin() + static_cast<std::ptrdiff_t>(position_), stages_.end(),
                     [&](std::size_t stage) { return reads(graph_->stages()[stage], slot); });
}

std::vector<std::size_t> Execution::waiting_at(std::size_t position) const {
  std::vector<std::size_t> waiting;
  for (std::size_t before = 0; before < position; ++before) {
    const std::size_t slot = graph_->stages()[stages_[before]].output;
    for (std::size_t after = position; after < stages_.size(); ++after)
      if (reads(graph_->stages()[stages_[after]], slot)) {
        waiting.push_back(slot);
        break;
      }
  }
  return waiting;
}

std::string Execution::prefix_of(std::size_t slot) const {
  return graph_->stages()[graph_->slots()[slot].maker].name + ".";
}

void Execution::check_storable(std::size_t position) const {
  for (const std::size_t slot : waiting_at(position)) {
    const Graph::SlotInfo& info = graph_->slots()[slot];
    if (!graph_->calls_[info.maker].storage.store)
      throw Error("the value " + info.value_name + " of stage " +
                  graph_->stages()[info.maker].name + " cannot be stored");
  }
}

StoredValue Execution::store() const {
  check_storable(position_);
  StoredValue stored;
  for (const std::size_t slot : waiting_at(position_))
    stored.add_all(prefix_of(slot),
                   graph_->calls_[graph_->slots()[slot].maker].storage.store(values_[slot]));
  return stored;
}

void Execution::drop_stored() {
  for (const std::size_t slot : waiting_at(position_)) values_[slot].reset();
}

void Execution::restore(const StoredValue& stored, std::size_t position) {
  check_storable(position);
  for (const std::size_t slot : waiting_at(position)) {
    const std::string prefix = prefix_of(slot);
    const StoredValue part = stored.part(prefix);
    if (part.tensors.empty() && part.texts.empty())
      throw InputError("what stage " + prefix.substr(0, prefix.size() - 1) + " made is missing");
    values_[slot] = graph_->calls_[graph_->slots()[slot].maker].storage.restore(part);
  }
  position_ = position;
}

void Execution::finish_stage(std::any output) {
  values_[graph_->stages()[stages_[position_]].output] = std::move(output);
  ++position_;
  for (std::size_t slot = 0; slot < values_.size(); ++slot)
    if (!is_read_later(slot)) values_[slot].reset();
}

/// One stage that runs now, for some executions.
class StageRun {
 public:
  StageRun(std::span<Execution* const> runs, Context& context)
      : runs_(runs),
        context_(context),
        graph_(runs.front()->graph()),
        index_(runs.front()->stages_.at(runs.front()->position_)),
        stage_(graph_.stages()[index_]),
        calls_(graph_.calls_[index_]),
        outputs_(runs.size()) {
    for (const Execution* run : runs)
      if (&run->graph() != &graph_ || run->stages_.at(run->position_) != index_)
        throw Error("stage " + stage_.name + ": the runs do not stand at the same stage");
    if (runs.size() > 1 && !stage_.runs_several)
      throw Error("stage " + stage_.name + " does not compute for several runs at once");
  }

  void execute() {
    const device::DryRunPart part(stage_.name);
    context_.check_stop();
    with_context("stage " + stage_.name, [&] {
      context_.tell([&](Observer& observer) { observer.stage_begin(stage_.name); });
      device::with_own_errors([&] { compute(); });
      context_.tell([&](Observer& observer) { observer.stage_end(stage_.name); });
    });
    for (std::size_t i = 0; i < runs_.size(); ++i) finish(*runs_[i], std::move(outputs_[i]));
  }

  static void offload(const Graph& graph, std::size_t stage, std::size_t next, Context& context) {
    for (memory::Component* component : graph.calls_[stage].components) {
      if (next != Graph::npos && uses(graph.stages()[next], component)) continue;
      const memory::ComponentPlan& plan = context.plan.component(component->name());
      if (plan.residency == memory::Residency::resident || !component->onloaded()) continue;
      component->offload();
      context.tell([&](Observer& observer) { observer.component_offloaded(component->name()); });
    }
  }

 private:
  void compute() {
    std::vector<std::size_t> unknown;
    for (std::size_t i = 0; i < runs_.size(); ++i) {
      std::any known;
      if (calls_.known) known = calls_.known(runs_[i]->values_, context_);
      if (!known.has_value()) unknown.push_back(i);
      outputs_[i] = std::move(known);
    }
    if (unknown.empty()) return;
    for (memory::Component* component : calls_.components) onload(*component, context_);
    if (unknown.size() > 1) return compute_together(unknown);
    outputs_[unknown[0]] = calls_.run(runs_[unknown[0]]->values_, context_);
  }

  void compute_together(const std::vector<std::size_t>& unknown) {
    std::vector<const std::vector<std::any>*> values;
    for (const std::size_t i : unknown) values.push_back(&runs_[i]->values_);
    auto outcomes = calls_.run_several(values, context_);
    for (std::size_t k = 0; k < unknown.size(); ++k) outputs_[unknown[k]] = std::move(outcomes[k]);
  }

  void finish(Execution& run, Outcome<std::any> outcome) const {
    if (const auto* error = std::get_if<std::exception_ptr>(&outcome))
      run.error_ = in_stage(stage_.name, *error);
    else
      run.finish_stage(std::get<std::any>(std::move(outcome)));
  }

  std::span<Execution* const> runs_;
  Context& context_;
  const Graph& graph_;
  std::size_t index_;
  const Graph::StageInfo& stage_;
  const Graph::Calls& calls_;
  std::vector<Outcome<std::any>> outputs_;
};

void run_next_stage(std::span<Execution* const> runs, Context& context) {
  StageRun(runs, context).execute();
}

void run_next_stage(Execution& run, Context& context) {
  Execution* const runs[] = {&run};
  run_next_stage(runs, context);
}

void offload_after(const Graph& graph, std::size_t stage, std::size_t next, Context& context) {
  StageRun::offload(graph, stage, next, context);
}

std::any run_to_end(Execution& run, Context& context, const BeforeStage& before_stage) {
  const auto stage_at = [&](std::size_t position) {
    return position < run.stages().size() ? run.stages()[position] : Graph::npos;
  };
  try {
    while (!run.is_finished()) {
      if (before_stage) before_stage(run);
      const std::size_t at = run.position();
      run_next_stage(run, context);
      offload_after(run.graph(), stage_at(at), stage_at(at + 1), context);
    }
  } catch (...) {
    // Components may have been kept for the stage that does not run now.
    offload_all(run, context);
    throw;
  }
  return run.take_any();
}

void offload_all(const Execution& run, Context& context) {
  for (const std::size_t stage : run.stages())
    offload_after(run.graph(), stage, Graph::npos, context);
}

std::vector<Leg> legs_of(const Graph& graph, const std::vector<std::size_t>& stages) {
  const auto at = [&](std::size_t position) -> const Graph::StageInfo& {
    return graph.stages()[stages[position]];
  };
  const auto shares_with_next = [&](std::size_t position) {
    return std::ranges::any_of(at(position).components, [&](const memory::Component* component) {
      return uses(at(position + 1), component);
    });
  };
  std::size_t last_user = 0;
  for (std::size_t i = 0; i < stages.size(); ++i)
    if (!at(i).components.empty()) last_user = i;
  std::vector<Leg> legs;
  std::size_t first = 0;
  for (std::size_t i = 0; i < last_user; ++i) {
    if (at(i).components.empty() || shares_with_next(i)) continue;
    legs.push_back({first, i});
    first = i + 1;
  }
  if (!stages.empty()) legs.push_back({first, stages.size() - 1});
  return legs;
}

}  // namespace chitu::graph
