#pragma once

#include "chitu_core/config/override/override.h"

namespace chitu::config {

/// int(), float(), str() and bool() of the override grammar.
enum class Cast : std::uint8_t { integer, real, string, boolean };

/// Casts a scalar, the items of a list or the values of a map, at any depth. Throws ConfigError.
Node cast_value(Cast cast, const Node& value);

/// Casts every value of a sweep; a range and an interval become integers or numbers only.
Sweep cast_sweep(Cast cast, Sweep sweep);

}  // namespace chitu::config
