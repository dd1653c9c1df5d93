#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "chitu_core/config/value/node.h"

namespace chitu::config {

/// What a resolver is called with: `${name:args}` at the key `key`.
struct ResolverCall {
  std::string name;
  std::vector<Node> arguments;  ///< resolved
  std::string key;              ///< full key of the value that holds the interpolation
  Origin origin;                ///< where that value was written
  /// The resolved value at a path: absolute, or relative with leading dots to the map or list that
  /// holds the value. Nothing when there is no such key.
  std::function<std::optional<Node>(std::string_view path)> select;
};

/// Computes the value of `${name:args}`. Throws ConfigError for what the user did wrong; the place
/// and the key are put before its text.
using Resolver = std::function<Node(const ResolverCall&)>;

enum class Caching { none, by_arguments };

/// Makes `${name:...}` known to the whole program; Caching::by_arguments computes each list of
/// arguments once a run. Names are identifiers joined by dots. Throws Error when the name is taken
/// (unless `replace`) or malformed.
void register_resolver(const std::string& name, Resolver resolver, Caching caching = Caching::none,
                       bool replace = false);

/// The registered resolver, or nothing.
std::optional<Resolver> find_resolver(const std::string& name);

/// Every name that `${name:...}` may have, built in or registered.
std::vector<std::string> resolver_names();

}  // namespace chitu::config
