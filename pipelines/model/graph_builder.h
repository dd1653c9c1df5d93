#pragma once

#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "chitu_core/graph/graph.h"
#include "pipelines/model/stage_insertion.h"
#include "pipelines/model/value_stage.h"

namespace chitu::pipelines {

/// Builds the graph of a family, with the stages that the configuration inserts (model.stages).
/// A family adds its own stages through it and calls finish() last.
class GraphBuilder {
 public:
  /// throws  InputError for a stage that is not registered or listed twice, or without a place
  GraphBuilder(graph::Graph& graph, graph::Port<Job> job, std::vector<StageInsertion> insertions);

  template <graph::Stage S, graph::Value... In>
  graph::Port<typename S::Output> add(S stage, graph::Port<In>... from) {
    return add(std::string(S::name), std::move(stage), from...);
  }

  /// As Graph::add, with the inserted stages that change what this stage reads or makes.
  template <graph::Stage S, graph::Value... In>
  graph::Port<typename S::Output> add(const std::string& name, S stage, graph::Port<In>... from) {
    const std::tuple<graph::Port<In>...> ports{changed(&StageInsertion::before, name, from)...};
    const auto made = std::apply(
        [&](auto... port) { return graph_.add(name, std::move(stage), port...); }, ports);
    return changed(&StageInsertion::after, name, made);
  }

  /// The value that the stage `name` will read in place of `port`: for a family that hands out
  /// this value as well. The stages inserted before `name` then come here.
  template <graph::Value T>
  graph::Port<T> input_of(const std::string& name, graph::Port<T> port) {
    return changed(&StageInsertion::before, name, port);
  }

  /// throws  InputError for an insertion that found no place, naming those that it could have
  void finish() const;

 private:
  struct Pending {
    StageInsertion insertion;
    const StageExtension* stage;
    bool placed = false;
  };

  /// The value behind the stages that are inserted at this side of the stage `name`.
  template <graph::Value T>
  graph::Port<T> changed(std::string StageInsertion::* side, const std::string& name,
                         graph::Port<T> port) {
    for (Pending& pending : pending_) {
      if (pending.placed || pending.insertion.*side != name) continue;
      const auto* stage = dynamic_cast<const ValueStage<T>*>(pending.stage);
      if (!stage) continue;
      pending.placed = true;
      port = graph_.add(pending.insertion.name, InsertedStage<T>{stage}, port, job_);
    }
    return port;
  }

  [[noreturn]] void fail(const Pending& pending) const;
  std::vector<std::string> places_for(const Pending& pending, bool after) const;

  graph::Graph& graph_;
  graph::Port<Job> job_;
  std::vector<Pending> pending_;
};

}  // namespace chitu::pipelines
