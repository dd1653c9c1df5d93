#include "chitu_core/graph/graph.h"

#include <algorithm>

#include "chitu_core/graph/execution.h"

namespace chitu::graph {
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

std::any Graph::run_all(std::any input, std::size_t wanted, Context& context) const {
  Execution run(*this, std::move(input), wanted);
  return run_to_end(run, context);
}

}  // namespace chitu::graph
