#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "chitu_core/config/value/node.h"

namespace chitu::config {

/// A parsed string with `${...}`, in OmegaConf's grammar. Parsing takes linear time.
struct Expression {
  enum class Type : std::uint8_t {
    literal,    ///< `value`
    text,       ///< `parts`, concatenated
    reference,  ///< `${..a.b}`: `dots`, and the keys in `parts`
    call,       ///< `${name:args}`: the name in `parts`, and `arguments`
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

/// Parses a string with interpolations. Throws ConfigError, without a place.
Expression parse_interpolation(std::string_view text);

/// Parses one element, as `oc.decode` does: a number, a list, `a b`, `${x}`...
Expression parse_element(std::string_view text);

/// Throws ConfigError when the syntax is wrong.
void check_interpolation(std::string_view text);

}  // namespace chitu::config
