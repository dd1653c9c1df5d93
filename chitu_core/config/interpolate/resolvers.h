#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "chitu_core/config/value/node.h"

namespace chitu::config {

/// The arguments of a resolver: `${name:args}` as the value of `key`.
struct ResolverCall {
  std::string name;
  std::vector<Node> arguments;  ///< resolved
  std::string key;              ///< full key of the value that holds the interpolation
  Origin origin;                ///< where that value was written
  /// The resolved value at a path: absolute, or with leading dots relative to the map or list of
  /// the value. Empty when there is no such key.
  std::function<std::optional<Node>(std::string_view path)> select;
};

/// Computes the value of `${name:args}`. Throws ConfigError for a mistake of the user; the caller
/// adds the place and the key.
using Resolver = std::function<Node(const ResolverCall&)>;

enum class Caching { none, by_arguments };

/// Registers `${name:...}` for the whole process. With Caching::by_arguments it is called once for
/// each list of arguments. A name is identifiers joined by dots. Throws Error when the name is
/// malformed, or taken and not to be replaced.
void register_resolver(const std::string& name, Resolver resolver, Caching caching = Caching::none,
                       bool replace = false);

/// The registered resolver; empty when there is none.
std::optional<Resolver> find_resolver(const std::string& name);

/// The names of all resolvers, built in and registered.
std::vector<std::string> resolver_names();

}  // namespace chitu::config
