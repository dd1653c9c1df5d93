#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "chitu_core/config/value/node.h"

namespace chitu::config {

/// A string with `${...}`, taken apart. OmegaConf's grammar; parsing takes time linear in the text.
struct Expression {
  enum class Type : std::uint8_t {
    literal,    ///< `value`
    text,       ///< `parts` put together as text
    reference,  ///< `${..a.b}`: `dots`, and the path's keys as `parts`
    call,       ///< `${name:args}`: `parts` of the name, then the `arguments`
    list,       ///< `arguments`
    map         ///< `keys` with `arguments`
  };

  Type type = Type::literal;
  Node value;
  std::vector<Expression> parts;
  std::vector<Expression> arguments;
  std::vector<Key> keys;
  std::size_t dots = 0;
  std::string source;  ///< `${...}` as written, for messages and caches
};

/// A configuration string: text, with interpolations. Throws ConfigError (no place) with a caret.
Expression parse_interpolation(std::string_view text);

/// One element as `oc.decode` reads it: a number, a list, `a b`, `${x}`...
Expression parse_element(std::string_view text);

/// Throws ConfigError when the syntax is wrong; cheap for the usual forms.
void check_interpolation(std::string_view text);

}  // namespace chitu::config
