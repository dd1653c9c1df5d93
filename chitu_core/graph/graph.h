#pragma once

#include <any>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "chitu_core/common/error.h"
#include "chitu_core/graph/stage.h"

namespace chitu::graph {

class Graph;

/// A typed handle to a value that the graph will compute. Only a Port of the right type compiles
/// where a stage expects it.
template <Value T>
struct Port {
  const Graph* graph;
  std::size_t slot;
};

/// The stages of a pipeline in the order they run, and which value feeds which.
///
/// A stage type may stand in it more than once, each time under a name of its own: two denoising
/// stages with two transformers, say. The graph knows which component each use needs and for how
/// long each value is needed. It alone brings components to their device before a stage and lets
/// them go after it, as the plan says (unless the stage knows its output without them), and it
/// drops a value once its last reader has run.
class Graph {
 public:
  /// What a stage is, for printing and planning.
  struct StageInfo {
    std::string name;
    std::vector<std::size_t> inputs;  ///< slots
    std::size_t output;               ///< slot
    std::vector<const memory::Component*> components;
  };
  /// A value's type name and who makes and last reads it; stage indices, npos = given from outside
  /// or read by the caller.
  struct SlotInfo {
    std::string value_name;
    std::size_t maker;
    std::size_t last_reader;
  };
  /// Stages in a row that use a component, first and last included. One that is used again later
  /// has a further lifetime.
  struct Lifetime {
    const memory::Component* component;
    std::size_t first_stage;
    std::size_t last_stage;
  };
  static constexpr std::size_t npos = static_cast<std::size_t>(-1);

  Graph() = default;
  Graph(const Graph&) = delete;
  Graph& operator=(const Graph&) = delete;

  /// A value that the caller gives to run().
  template <Value T>
  Port<T> input() {
    slots_.push_back({std::string(T::value_name), npos, npos});
    ++inputs_;
    if (slots_.size() != inputs_) throw Error("graph: inputs come before stages");
    return {this, slots_.size() - 1};
  }

  /// Adds a use of a stage type under the type's name.
  ///
  /// throws  as below
  template <Stage S, Value... In>
  Port<typename S::Output> add(S stage, Port<In>... from) {
    return add(std::string(S::name), std::move(stage), from...);
  }

  /// Adds a use of a stage type under a name of its own: "denoise_low_noise".
  ///
  /// throws  Error when a port is of another graph or the name is taken
  template <Stage S, Value... In>
  Port<typename S::Output> add(std::string name, S stage, Port<In>... from) {
    static_assert(std::is_same_v<typename S::Inputs, std::tuple<In...>>,
                  "the ports must be the stage's inputs, in order");
    for (const Graph* owner : {from.graph...})
      if (owner != this) throw Error("stage " + name + ": a port of another graph");
    Calls calls;
    calls.components = stage.components();
    StageInfo info{std::move(name),
                   {from.slot...},
                   slots_.size(),
                   {calls.components.begin(), calls.components.end()}};
    auto shared = std::make_shared<S>(std::move(stage));
    calls.run = [shared, from...](const std::vector<std::any>& values, Context& context) {
      return std::any(shared->run(std::any_cast<const In&>(values[from.slot])..., context));
    };
    if constexpr (StageWithKnownOutput<S>)
      calls.known = [shared, from...](const std::vector<std::any>& values, Context& context) {
        auto known = shared->known(std::any_cast<const In&>(values[from.slot])..., context);
        return known ? std::any(*std::move(known)) : std::any();
      };
    append(std::move(info), std::string(S::Output::value_name), std::move(calls));
    return {this, slots_.size() - 1};
  }

  /// Runs the stages that the wanted value needs, in order, and returns it.
  ///
  /// throws  what a stage threw, nested in an Error "stage <name>"; Interrupted when asked to stop.
  ///         Whatever the reason, components that the plan does not keep are let go.
  template <Value Out, Value In>
  Out run(In input, Port<Out> wanted, Context& context) const {
    std::vector<std::any> values;
    values.emplace_back(std::move(input));
    return std::any_cast<Out>(execute(std::move(values), wanted.slot, context));
  }

  const std::vector<StageInfo>& stages() const { return stages_; }
  const std::vector<SlotInfo>& slots() const { return slots_; }
  std::vector<Lifetime> lifetimes() const;

 private:
  using Call = std::function<std::any(const std::vector<std::any>&, Context&)>;
  struct Calls {
    Call run;
    Call known;  ///< of a StageWithKnownOutput; gives an empty any where it does not know
    std::vector<memory::Component*> components;  ///< what the executor moves for the stage
  };

  void append(StageInfo info, std::string value_name, Calls calls);
  std::any execute(std::vector<std::any> values, std::size_t wanted, Context& context) const;
  std::any run_stage(std::size_t stage, const std::vector<std::any>& values,
                     Context& context) const;
  std::any output_of(std::size_t stage, const std::vector<std::any>& values,
                     Context& context) const;
  std::vector<std::size_t> stages_for(std::size_t wanted) const;
  void drop_after(std::size_t stage, std::size_t wanted, std::vector<std::any>& values) const;

  std::size_t inputs_ = 0;
  std::vector<StageInfo> stages_;
  std::vector<SlotInfo> slots_;
  std::vector<Calls> calls_;
};

}  // namespace chitu::graph
