#pragma once

#include <string_view>

#include "chitu_core/config/value/node.h"

namespace chitu::config {

/// A plain YAML scalar as OmegaConf reads it (YAML 1.1 with PyYAML's resolver, `1e3` a number,
/// dates strings): `yes` is true, `017` 15, `1:30` 90, `-.5` a string.
Node read_plain_scalar(std::string_view text);

/// A scalar under an explicit tag `tag:yaml.org,2002:<type>`: int, float, bool, null or str. Throws
/// ConfigError when the text is none.
Node read_tagged_scalar(std::string_view type, std::string_view text);

/// True when a plain scalar of this text would not be read as a string.
bool is_typed_scalar(std::string_view text);

}  // namespace chitu::config
