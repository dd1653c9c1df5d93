#pragma once

#include <concepts>
#include <exception>
#include <optional>
#include <string_view>
#include <tuple>
#include <variant>
#include <vector>

#include "chitu_core/common/error.h"
#include "chitu_core/graph/context.h"
#include "chitu_core/memory/component.h"

namespace chitu::graph {

/// A value that passes between stages; its name labels the arrows of the printed graph: "Latents".
template <class T>
concept Value = requires {
  { T::value_name } -> std::convertible_to<std::string_view>;
};

/// What a stage made for one of several runs, or the exception that kept it from it.
template <class T>
using Outcome = std::variant<T, std::exception_ptr>;

namespace detail {
template <class Inputs>
struct References;
template <class... In>
struct References<std::tuple<In...>> {
  using type = std::tuple<const In&...>;
};

template <class S, class Inputs>
struct RunsOn;
template <class S, class... In>
struct RunsOn<S, std::tuple<In...>> {
  static constexpr bool value = requires(S stage, const In&... inputs, Context& context) {
    { stage.run(inputs..., context) } -> std::same_as<typename S::Output>;
  };
  static constexpr bool has_known_output =
      requires(const S stage, const In&... inputs, Context& context) {
        { stage.known(inputs..., context) } -> std::same_as<std::optional<typename S::Output>>;
      };
  static constexpr bool runs_several =
      requires(const S stage, const std::vector<std::tuple<const In&...>>& runs, Context& context) {
        {
          stage.run_several(runs, context)
        } -> std::same_as<std::vector<Outcome<typename S::Output>>>;
      };
};
}  // namespace detail

/// The inputs of one of several runs of a stage whose inputs are std::tuple<A, B>: references to an
/// A and a B.
template <class Inputs>
using RunInputs = typename detail::References<Inputs>::type;

/// One step of a pipeline: a named, typed function of its inputs and the run's context. A concept,
/// not a base class: a stage is an aggregate that a test calls without a graph.
///
///     struct DecodeLatents {
///       using Inputs = std::tuple<Latents>;
///       using Output = Frames;
///       static constexpr std::string_view name = "decode_latents";
///       std::vector<memory::Component*> components() const;  // the executor loads them
///       Frames run(const Latents& latents, Context& context) const;
///     };
template <class S>
concept Stage = requires(const S stage) {
  { S::name } -> std::convertible_to<std::string_view>;
  { stage.components() } -> std::same_as<std::vector<memory::Component*>>;
  requires Value<typename S::Output>;
} && detail::RunsOn<S, typename S::Inputs>::value;

/// A stage that may know its output without its components, for example from a cache. The executor
/// calls known() first; if that returns a value, no component is loaded and run() is not called.
///
///       std::optional<TextEmbeddings> known(const Tokens& tokens, Context& context) const;
template <class S>
concept StageWithKnownOutput = Stage<S> && detail::RunsOn<S, typename S::Inputs>::has_known_output;

/// A stage that computes for several runs at once and shares what they have in common: layers that
/// are streamed pass by once for all of them. Each output has the bits that run() gives. What it
/// throws fails all of the runs; what concerns one run is that run's outcome.
///
///       std::vector<Outcome<Latents>> run_several(const std::vector<RunInputs<Inputs>>& runs,
///                                                 Context& context) const;
template <class S>
concept StageForSeveral = Stage<S> && detail::RunsOn<S, typename S::Inputs>::runs_several;

/// What the work returns, or what it throws; Interrupted passes.
auto outcome_of(const auto& work) -> Outcome<decltype(work())> {
  try {
    return work();
  } catch (const Interrupted&) {
    throw;
  } catch (const std::exception&) {
    return std::current_exception();
  }
}

/// The only outcome, for a stage whose run() is run_several() of one.
template <class T>
T sole_outcome(std::vector<Outcome<T>> outcomes) {
  if (const auto* error = std::get_if<std::exception_ptr>(&outcomes.front()))
    std::rethrow_exception(*error);
  return std::get<T>(std::move(outcomes.front()));
}

}  // namespace chitu::graph
