#pragma once

#include <concepts>
#include <optional>
#include <string_view>
#include <tuple>
#include <vector>

#include "chitu_core/graph/context.h"
#include "chitu_core/memory/component.h"

namespace chitu::graph {

/// A value that passes between stages; its name labels the arrows of the printed graph: "Latents".
template <class T>
concept Value = requires {
  { T::value_name } -> std::convertible_to<std::string_view>;
};

namespace detail {
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
};
}  // namespace detail

/// One step of a pipeline: a named, typed function of its inputs and the run's context. A concept,
/// not a base class: a stage is an aggregate that a test calls without a graph.
///
///     struct DecodeLatents {
///       using Inputs = std::tuple<Latents>;
///       using Output = Frames;
///       static constexpr std::string_view name = "decode_latents";
/// the executor loads them
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

}  // namespace chitu::graph
