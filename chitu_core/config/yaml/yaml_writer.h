#pragma once

#include <string>

#include "chitu_core/config/value/node.h"

namespace chitu::config {

/// The tree as OmegaConf.to_yaml prints it: block style, insertion order, interpolations as
/// written. parse_yaml() of it gives the same tree.
std::string to_yaml(const Node& node);

/// The value on one line: `{a: 1, b: [x, 'yes']}`.
std::string to_inline_yaml(const Node& node);

}  // namespace chitu::config
