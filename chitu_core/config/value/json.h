#pragma once

#include <string>

#include "chitu_core/config/value/node.h"

namespace chitu::config {

/// The tree as one JSON document. Numbers keep their kind (1 and 1.0); what JSON lacks is written
/// as
/// {"$float": "nan"}; `???` and interpolations are strings; keys are strings. `indent` 0 puts all
/// on one line.
std::string to_json(const Node& node, int indent = 0);

/// A string as JSON writes it, quotes included.
std::string json_string(std::string_view text);

}  // namespace chitu::config
