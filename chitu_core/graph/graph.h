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
  /// throws  an Error "stage <name>" that nests the exception of a stage; Interrupted after a stop
  ///         request. In every case, components that the plan does not keep are freed.
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
    Call known;  ///< of a StageWithKnownOutput; returns an empty any if the output is not known
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
