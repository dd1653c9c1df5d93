#pragma once

#include <any>
#include <cstddef>
#include <exception>
#include <functional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "chitu_core/common/error.h"
#include "chitu_core/graph/graph.h"
#include "chitu_core/graph/stored_value.h"

namespace chitu::graph {

/// One run of a graph that can be left between two stages: it holds the values that later stages
/// read, can have them stored and given back, and can start in the middle. run_next_stage() takes
/// it on, alone or together with others; Graph::run() is a whole run of one.
class Execution {
 public:
  /// input  the graph's; graph outlives this
  template <Value In, Value Out>
  Execution(const Graph& graph, In input, Port<Out> wanted)
      : Execution(graph, std::any(std::move(input)), wanted.slot) {}
  Execution(const Graph& graph, std::any input, std::size_t wanted);

  const Graph& graph() const { return *graph_; }
  /// The stages that the wanted value needs, in order: indices in Graph::stages().
  const std::vector<std::size_t>& stages() const { return stages_; }
  /// How many of them have run, or are left out because what they make was given.
  std::size_t position() const { return position_; }
  bool is_finished() const { return position_ == stages_.size(); }
  /// Why the last stage of several runs failed for this one; null = it did not.
  std::exception_ptr error() const { return error_; }

  /// The wanted value.
  template <Value T>
  T take(Port<T> port) {
    return std::any_cast<T>(std::move(values_[port.slot]));
  }
  std::any take_any() { return std::move(values_[wanted_]); }
  /// A value that is made elsewhere, for a run that has not begun: the stages that it alone needs
  /// are left out.
  template <Value T>
  void give(Port<T> port, T value) {
    give_any(port.slot, std::any(std::move(value)));
  }

  /// The values that wait before the stage at `position`, made by stages before it: what store()
  /// has there.
  ///
  /// throws  Error when one of them is no StorableValue
  void check_storable(std::size_t position) const;
  /// The values that wait now, under names that begin with the stage that made them:
  /// "denoise.latents".
  StoredValue store() const;
  /// Drops the values that store() gives.
  void drop_stored();
  /// Takes back what store() gave in a run that was at `position`; this run goes on from there.
  ///
  /// throws  InputError naming what is missing
  void restore(const StoredValue& stored, std::size_t position);

 private:
  friend class StageRun;
  void give_any(std::size_t slot, std::any value);
  std::vector<std::size_t> stages_for(std::size_t wanted) const;
  /// Slots of values that stages before `position` make and others from it on read.
  std::vector<std::size_t> waiting_at(std::size_t position) const;
  std::string prefix_of(std::size_t slot) const;
  void finish_stage(std::any output);
  bool is_read_later(std::size_t slot) const;

  const Graph* graph_;
  std::size_t wanted_;
  std::vector<std::any> values_;
  std::vector<std::size_t> stages_;
  std::size_t position_ = 0;
  std::exception_ptr error_;
};

/// Runs the next stage of a run, or of several that stand before the same stage, which then has to
/// be a StageForSeveral. Brings the stage's components in first, unless it knows its outputs; they
/// stay until offload_after().
///
/// throws  what the stage threw, nested in an Error "stage <name>", where that concerns all of the
///         runs; with several, what concerns one of them is its error(). Interrupted
void run_next_stage(std::span<Execution* const> runs, Context& context);
void run_next_stage(Execution& run, Context& context);

/// Frees the components of a stage that the plan does not keep, unless the next stage uses them.
///
/// stage, next  indices in Graph::stages(); Graph::npos = no next one
void offload_after(const Graph& graph, std::size_t stage, std::size_t next, Context& context);

/// The same for every stage that a run needs, whether it has run or not.
void offload_all(const Execution& run, Context& context);

using BeforeStage = std::function<void(Execution&)>;
/// Takes a run to its end, each component let go after its last stage, and returns the wanted
/// value.
///
/// before_stage  called before every stage; may be empty
/// throws        as run_next_stage(). Whatever the reason, components that the plan does not keep
///               are let go
std::any run_to_end(Execution& run, Context& context, const BeforeStage& before_stage = {});

/// Stages of a run in a row, as positions in Execution::stages(), last included. A stage without
/// components goes with the leg that follows, the last ones with the last leg.
struct Leg {
  std::size_t first, last;
  bool operator==(const Leg&) const = default;
};
/// Cuts a run where the components change: several runs that take each leg one after another, the
/// values waiting between the legs, bring every component in once for each of its lifetimes.
std::vector<Leg> legs_of(const Graph& graph, const std::vector<std::size_t>& stages);

}  // namespace chitu::graph
