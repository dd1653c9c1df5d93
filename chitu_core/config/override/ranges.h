#pragma once

#include "chitu_core/config/value/node.h"

namespace chitu::config {

/// The numbers of a range: `start`, `start + step`, ... before `stop`. Integers when all three are;
/// else doubles, added as decimals, so that range(0, 1, 0.1) has ten. Throws ConfigError for step 0
/// and above kMaxJobs numbers.
List range_values(const Node& start, const Node& stop, const Node& step);

}  // namespace chitu::config
