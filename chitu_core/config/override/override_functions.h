#pragma once

#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "chitu_core/config/override/override.h"

namespace chitu::config {

/// An element of the override grammar.
using Element = std::variant<Node, Sweep>;

/// `name(arguments)` of the override grammar.
struct FunctionCall {
  std::string name;
  std::vector<Element> positional;
  std::vector<std::pair<std::string, Element>> named;
};

/// Runs choice, range, interval, glob, sort, shuffle, tag, int, float, str or bool. Throws
/// ConfigError that says what the function takes; an unknown name lists the known ones.
Element call_function(FunctionCall call);

}  // namespace chitu::config
