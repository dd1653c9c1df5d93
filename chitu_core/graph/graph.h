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
#include "chitu_core/graph/stored_value.h"

namespace chitu::graph {

class Execution;
class Graph;
class StageRun;

/// A typed handle to a value that the graph will compute. Only a Port of the right type compiles
/// where a stage expects it.
template <Value T>
struct Port {
  const Graph* graph;
  std::size_t slot;
};

/// The stages of a pipeline in the order they run, and the values that connect them.
///
/// A stage type may occur more than once, each use under its own name: for example two denoising
/// stages with two transformers. The graph knows which components each use needs and how long each
/// value is needed. Before a stage it loads the components onto their devices, unless the stage
/// knows its output without them; after the stage it frees them as the plan says. It frees a value
/// after its last reader.
class Graph {
 public:
  /// Description of a stage, for printing and for dry runs.
  struct StageInfo {
    std::string name;
    std::vector<std::size_t> inputs;  ///< slots
    std::size_t output;               ///< slot
    std::vector<const memory::Component*> components;
    bool runs_several = false;  ///< a StageForSeveral
  };
  /// A value's type name, and the indices of the stage that makes it and the last one that reads
  /// it; npos = given by the caller or read by the caller.
  struct SlotInfo {
    std::string value_name;
    std::size_t maker;
    std::size_t last_reader;
  };
  /// Consecutive stages that use a component, first and last included. A later use after a gap is a
  /// lifetime of its own.
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

  /// Adds a use of a stage type under its own name: "denoise_low_noise".
  ///
  /// throws  Error if a port is of another graph or the name is taken
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
                   {calls.components.begin(), calls.components.end()},
                   StageForSeveral<S>};
    auto shared = std::make_shared<S>(std::move(stage));
    calls.run = [shared, from...](const Values& values, Context& context) {
      return std::any(shared->run(std::any_cast<const In&>(values[from.slot])..., context));
    };
    if constexpr (StageWithKnownOutput<S>)
      calls.known = [shared, from...](const Values& values, Context& context) {
        auto known = shared->known(std::any_cast<const In&>(values[from.slot])..., context);
        return known ? std::any(*std::move(known)) : std::any();
      };
    if constexpr (StageForSeveral<S>)
      calls.run_several = [shared, from...](const std::vector<const Values*>& runs,
                                            Context& context) {
        std::vector<RunInputs<typename S::Inputs>> inputs;
        for (const Values* values : runs)
          inputs.emplace_back(std::any_cast<const In&>((*values)[from.slot])...);
        return untyped(shared->run_several(inputs, context));
      };
    if constexpr (StorableValue<typename S::Output>)
      calls.storage = storage_of<typename S::Output>();
    append(std::move(info), std::string(S::Output::value_name), std::move(calls));
    return {this, slots_.size() - 1};
  }

  /// Runs the stages that the wanted value needs, in order, and returns it.
  ///
  /// throws  an Error "stage <name>" that nests the exception of a stage; Interrupted after a stop
  ///         request. In every case, components that the plan does not keep are freed.
  template <Value Out, Value In>
  Out run(In input, Port<Out> wanted, Context& context) const {
    return std::any_cast<Out>(run_all(std::any(std::move(input)), wanted.slot, context));
  }

  const std::vector<StageInfo>& stages() const { return stages_; }
  const std::vector<SlotInfo>& slots() const { return slots_; }
  std::vector<Lifetime> lifetimes() const;

 private:
  friend class Execution;
  friend class StageRun;
  using Values = std::vector<std::any>;
  /// How a value waits on disk.
  struct Storage {
    std::function<StoredValue(const std::any&)> store;
    std::function<std::any(const StoredValue&)> restore;
  };
  struct Calls {
    std::function<std::any(const Values&, Context&)> run;
    /// Of a StageWithKnownOutput; returns an empty any if the output is not known.
    std::function<std::any(const Values&, Context&)> known;
    /// Of a StageForSeveral.
    std::function<std::vector<Outcome<std::any>>(const std::vector<const Values*>&, Context&)>
        run_several;
    std::vector<memory::Component*> components;  ///< what the executor moves for the stage
    Storage storage;  ///< of its output; empty functions when that is no StorableValue
  };

  template <class T>
  static std::vector<Outcome<std::any>> untyped(std::vector<Outcome<T>> outcomes) {
    std::vector<Outcome<std::any>> untyped;
    for (Outcome<T>& outcome : outcomes)
      if (auto* output = std::get_if<T>(&outcome))
        untyped.emplace_back(std::any(std::move(*output)));
      else
        untyped.emplace_back(std::get<std::exception_ptr>(outcome));
    return untyped;
  }
  template <StorableValue T>
  static Storage storage_of() {
    return {[](const std::any& value) { return std::any_cast<const T&>(value).to_stored(); },
            [](const StoredValue& stored) { return std::any(T::from_stored(stored)); }};
  }

  void append(StageInfo info, std::string value_name, Calls calls);
  std::any run_all(std::any input, std::size_t wanted, Context& context) const;

  std::size_t inputs_ = 0;
  std::vector<StageInfo> stages_;
  std::vector<SlotInfo> slots_;
  std::vector<Calls> calls_;
};

}  // namespace chitu::graph
