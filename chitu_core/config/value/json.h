#pragma once

#include <string>

#include "chitu_core/config/value/node.h"

namespace chitu::config {

/// The tree as a JSON document. Integers and reals stay apart (1 and 1.0). JSON has no inf and nan:
/// they are {"$float": "nan"}. `???`, interpolations and keys are strings.
///
/// indent  spaces per level; 0 writes one line
std::string to_json(const Node& node, int indent = 0);

}  // namespace chitu::config
