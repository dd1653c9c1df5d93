#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include "chitu_core/config/value/node.h"

namespace chitu::config {

/// Reads one YAML document as OmegaConf.load does: YAML 1.1 scalars, `???` and interpolations
/// checked, an empty document an empty map, a lone string `x` the map {x: null}. `name` is what
/// errors call the text. Throws ConfigError "<name>:<line>:<column>: ...".
Node parse_yaml(std::string_view text, const std::string& name);

/// parse_yaml of a file. Throws InputError when it cannot be read.
Node load_yaml(const std::filesystem::path& path);

}  // namespace chitu::config
