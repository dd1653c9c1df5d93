#pragma once

#include <string>
#include <string_view>

#include "chitu_core/config/value/node.h"

namespace chitu::tools {

/// Parses JSON to a configuration tree in which every value knows its line. Strings are taken as
/// they are: `${` has no meaning.
///
/// name        of the text, in errors and origins
/// first_line  the line of the text in its file
/// throws      config::ConfigError "<name>:<line>: <problem>" for invalid JSON, a repeated key, and
///             values nested more than config::kMaxDepth deep
config::Node parse_json_tree(std::string_view text, const std::string& name, int first_line = 1);

}  // namespace chitu::tools
