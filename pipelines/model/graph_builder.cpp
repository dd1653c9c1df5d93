#include "pipelines/model/graph_builder.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "chitu_core/common/error.h"
#include "chitu_core/common/expected.h"
#include "chitu_core/common/nearest.h"
#include "chitu_core/common/registry.h"

namespace chitu::pipelines {
namespace {

[[noreturn]] void fail_at(const std::string& name, const std::string& problem) {
  throw InputError(fmt::format("model.stages: {}: {}", name, problem));
}

const StageExtension& stage_named(const std::string& name) {
  const auto& stages = Registry<StageExtension>::instance();
  if (const StageExtension* found = stages.find(name)) return *found;
  const auto known = stages.names();
  fail_at(name, known.empty()
                    ? "no stage of this name is registered; the program registers none"
                    : "no stage of this name is registered, " + expected_one_of(name, known));
}

}  // namespace

GraphBuilder::GraphBuilder(graph::Graph& graph, graph::Port<Job> job,
                           std::vector<StageInsertion> insertions)
    : graph_(graph), job_(job) {
  std::set<std::string> seen;
  for (StageInsertion& insertion : insertions) {
    const StageExtension& stage = stage_named(insertion.name);
    if (!seen.insert(insertion.name).second) fail_at(insertion.name, "listed twice");
    if (insertion.after.empty() == insertion.before.empty())
      fail_at(insertion.name, "expected either after or before, with the name of a stage");
    pending_.push_back({std::move(insertion), &stage});
  }
}

std::vector<std::string> GraphBuilder::places_for(const Pending& pending, bool after) const {
  const auto is_value = [&](std::size_t slot) {
    return graph_.slots()[slot].value_name == pending.stage->value_name();
  };
  std::vector<std::string> names;
  for (const graph::Graph::StageInfo& stage : graph_.stages())
    if (after ? is_value(stage.output) : std::ranges::any_of(stage.inputs, is_value))
      names.push_back(stage.name);
  return names;
}

void GraphBuilder::fail(const Pending& pending) const {
  const StageInsertion& at = pending.insertion;
  const bool after = !at.after.empty();
  const std::string& anchor = after ? at.after : at.before;
  std::vector<std::string> stages;
  for (const graph::Graph::StageInfo& stage : graph_.stages()) stages.push_back(stage.name);
  if (std::ranges::find(stages, anchor) == stages.end())
    fail_at(at.name,
            fmt::format("{}={}: the pipeline has no such stage, {}", after ? "after" : "before",
                        anchor, expected_one_of(anchor, stages)));
  fail_at(at.name, fmt::format("works on {}, which {} does not {}; stages that do: {}",
                               pending.stage->value_name(), anchor, after ? "make" : "read",
                               join(places_for(pending, after))));
}

void GraphBuilder::finish() const {
  for (const Pending& pending : pending_)
    if (!pending.placed) fail(pending);
}

}  // namespace chitu::pipelines
