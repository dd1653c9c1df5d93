#pragma once

#include "chitu_core/config/override/override.h"

namespace chitu::config {

/// int(), float(), str() and bool() of the override grammar.
enum class Cast : std::uint8_t { integer, real, string, boolean };

/// Casts a scalar, or every scalar in a list or map. Throws ConfigError.
Node cast_value(Cast cast, const Node& value);

/// Casts every value of a sweep. A range or an interval can only become int or float.
Sweep cast_sweep(Cast cast, Sweep sweep);

}  // namespace chitu::config
