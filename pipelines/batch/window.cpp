#include "pipelines/batch/window.h"

#include <algorithm>
#include <memory>
#include <range/v3/view/enumerate.hpp>
#include <utility>

#include "chitu_core/common/error.h"
#include "pipelines/batch/batch_groups.h"

namespace chitu::pipelines {
namespace rv = ranges::views;

namespace {

bool is_of_input(const std::exception_ptr& error) {
  try {
    std::rethrow_exception(error);
  } catch (const InputError&) {
    return true;
  } catch (const std::exception&) {
    return false;
  }
}

}  // namespace

Window::Window(const Pipeline& pipeline, std::vector<Item> items, std::int64_t size,
               std::size_t wanted)
    : pipeline_(pipeline), items_(std::move(items)), wanted_(wanted) {
  const graph::Execution run(pipeline.graph(), std::any(Job{}), wanted);
  stages_ = run.stages();
  legs_ = graph::legs_of(pipeline.graph(), stages_);
  for (const Item& item : items_) requests_.push_back(item.job.request);
  for (const auto [leg, stages] : rv::enumerate(legs_)) {
    if (leg > 0) run.check_storable(stages.first);
    std::vector<std::size_t> members;
    for (std::size_t item = 0; item < items_.size(); ++item)
      if (!items_[item].from_latents || leg == last_leg()) members.push_back(item);
    groups_.push_back(alike_groups(requests_, members, is_shared(stages) ? size : 1));
  }
}

const graph::Graph::StageInfo& Window::stage_at(std::size_t position) const {
  return pipeline_.graph().stages()[stages_[position]];
}

bool Window::is_shared(const graph::Leg& leg) const {
  for (std::size_t position = leg.first; position <= leg.last; ++position)
    if (stage_at(position).runs_several) return true;
  return false;
}

const std::string& Window::first_stage(std::size_t leg) const {
  return stage_at(legs_[leg].first).name;
}

std::vector<std::string> Window::components(std::size_t leg) const {
  std::vector<std::string> names;
  for (std::size_t position = legs_[leg].first; position <= legs_[leg].last; ++position)
    for (const memory::Component* component : stage_at(position).components)
      names.push_back(component->name());
  return names;
}

/// A window while it runs.
class Window::Running {
 public:
  Running(Window& window, Spill& spill, WindowObserver& observer, graph::Context& context,
          const WindowRanks& ranks)
      : window_(window),
        spill_(spill),
        observer_(observer),
        context_(context),
        ranks_(ranks),
        runs_(window.items_.size()) {
    for (std::size_t item = 0; item < runs_.size(); ++item)
      runs_[item].execution.emplace(window.pipeline_.graph(),
                                    std::any(std::move(window.items_[item].job)), window.wanted_);
  }

  void run_group(std::size_t leg, std::size_t group) {
    std::vector<std::size_t> items = window_.groups_[leg][group];
    drop_failed(items);
    check(items, leg);
    if (items.empty() || !observer_.group_begin(leg, group, items)) return;
    if (leg > 0) restore(items, leg);
    const auto [first, last] = window_.legs_[leg];
    for (std::size_t stage = first; stage <= last && !items.empty(); ++stage)
      run_stage({leg, group, stage}, items);
    for (const std::size_t item : items) finish_leg(item, leg);
  }

  void offload(const graph::Leg& leg) {
    for (std::size_t position = leg.first; position <= leg.last; ++position)
      graph::offload_after(window_.pipeline_.graph(), window_.stages_[position], graph::Graph::npos,
                           context_);
  }
  void offload_all() {
    for (const graph::Leg& leg : window_.legs_) offload(leg);
  }

 private:
  struct Run {
    std::optional<graph::Execution> execution;  ///< empty once it has ended
    std::vector<std::string> problems;
  };

  /// Where a stage was cut short, some ranks have loaded what others have not, and ranks may load
  /// together: all of them load again.
  void forget_components() {
    for (memory::Component* component : window_.pipeline_.components()) component->forget();
  }

  void drop_failed(std::vector<std::size_t>& items) const {
    std::erase_if(items, [&](std::size_t item) { return !runs_[item].execution; });
  }

  void fail(std::size_t item, std::size_t leg, const std::exception_ptr& error) {
    runs_[item].execution.reset();
    if (leg > 0 && leg < window_.last_leg()) spill_.remove(item, leg);
    observer_.failed(item, error);
  }

  /// An item of which this is not possible fails alone.
  void try_each(std::vector<std::size_t>& items, std::size_t leg, const auto& work) {
    for (const std::size_t item : items)
      if (const auto error = ranks_.attempt([&] { work(item); })) {
        if (!is_of_input(error)) std::rethrow_exception(error);
        fail(item, leg, error);
      }
    drop_failed(items);
  }

  void check(std::vector<std::size_t>& items, std::size_t leg) {
    try_each(items, leg, [&](std::size_t item) { observer_.check(item); });
  }

  void restore(std::vector<std::size_t>& items, std::size_t leg) {
    try_each(items, leg, [&](std::size_t item) {
      runs_[item].execution->restore(waiting(item, leg), window_.legs_[leg].first);
    });
  }

  /// Latents are on the disk of the first rank alone.
  graph::StoredValue waiting(std::size_t item, std::size_t leg) {
    if (leg < window_.last_leg()) return spill_.get(item, leg);
    return ranks_.of_first([&] { return spill_.get(item, leg); });
  }

  /// All items together where the stage can, else one after another.
  void run_stage(const WindowPlace& place, std::vector<std::size_t>& items) {
    if (window_.stage_at(place.stage).runs_several)
      run_together(place, items);
    else
      for (const std::size_t item : items) run_together(place, {&item, 1});
    drop_failed(items);
  }

  void run_together(const WindowPlace& place, std::span<const std::size_t> items) {
    std::vector<graph::Execution*> runs;
    for (const std::size_t item : items) runs.push_back(&*runs_[item].execution);
    const std::string& stage = window_.stage_at(place.stage).name;
    observer_.stage_begin(place, stage, items);
    const auto error = ranks_.attempt([&] { graph::run_next_stage(runs, context_); });
    if (error && ranks_.are_several()) forget_components();
    observer_.stage_end(place, stage, items);
    note_problems(items);
    const auto errors = errors_of(items, error);
    for (std::size_t i = 0; i < items.size(); ++i)
      if (errors[i]) fail(items[i], place.leg, errors[i]);
  }

  /// error  of all of them; null = each has its own, or none
  std::vector<std::exception_ptr> errors_of(std::span<const std::size_t> items,
                                            const std::exception_ptr& error) const {
    std::vector<std::exception_ptr> errors(items.size(), error);
    if (error || items.size() == 1) return errors;
    for (std::size_t i = 0; i < items.size(); ++i) errors[i] = runs_[items[i]].execution->error();
    ranks_.share(errors);
    return errors;
  }

  void note_problems(std::span<const std::size_t> items) {
    for (const std::string& problem : std::exchange(context_.failed_outputs, {}))
      for (const std::size_t item : items) runs_[item].problems.push_back(problem);
  }

  void finish_leg(std::size_t item, std::size_t leg) {
    Run& run = runs_[item];
    if (leg == window_.last_leg()) {
      std::any result = run.execution->take_any();
      run.execution.reset();
      observer_.finished(item, std::move(result), run.problems);
      if (leg > 0) spill_.remove(item, leg);
      return;
    }
    spill_.put(item, leg + 1, run.execution->store());
    run.execution->drop_stored();
    if (leg > 0) spill_.remove(item, leg);
    observer_.stored(item, leg + 1);
  }

  Window& window_;
  Spill& spill_;
  WindowObserver& observer_;
  graph::Context& context_;
  const WindowRanks& ranks_;
  std::vector<Run> runs_;
};

BatchEnd Window::run(Spill& spill, WindowObserver& observer, graph::Context& context,
                     const std::stop_token& pause, const WindowRanks& ranks) {
  Running running(*this, spill, observer, context, ranks);
  try {
    for (std::size_t leg = 0; leg < legs_.size(); ++leg) {
      for (std::size_t group = 0; group < groups_[leg].size(); ++group) {
        if (ranks.any(pause.stop_requested())) {
          running.offload_all();
          return BatchEnd::paused;
        }
        running.run_group(leg, group);
      }
      running.offload(legs_[leg]);
    }
  } catch (...) {
    running.offload_all();
    throw;
  }
  return BatchEnd::finished;
}

}  // namespace chitu::pipelines
