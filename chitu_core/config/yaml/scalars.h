#pragma once

#include <string_view>

#include "chitu_core/config/value/node.h"

namespace chitu::config {

/// The value of a plain scalar as OmegaConf reads it: YAML 1.1 by PyYAML's rules, but `1e3` is a
/// number and dates are strings. `yes` is true, `017` is 15, `1:30` is 90, `-.5` is a string.
Node read_plain_scalar(std::string_view text);

/// The value of a scalar with an explicit tag `tag:yaml.org,2002:<type>`: int, float, bool, null or
/// str. Throws ConfigError when the text is not of that type.
Node read_tagged_scalar(std::string_view type, std::string_view text);

/// Whether a plain scalar with this text is read as something other than a string.
bool is_typed_scalar(std::string_view text);

}  // namespace chitu::config
