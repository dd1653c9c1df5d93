#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include "chitu_core/config/value/node.h"

namespace chitu::config {

/// Parses a YAML document as OmegaConf.load does: with YAML 1.1 scalars; an empty document is an
/// empty map, a document with only the string `x` the map {x: null}. Checks the syntax of
/// interpolations.
///
/// name    of the text, in errors
/// throws  ConfigError "<name>:<line>:<column>: ..."
Node parse_yaml(std::string_view text, const std::string& name);

/// Parses a YAML file. Throws InputError when it cannot be read.
Node load_yaml(const std::filesystem::path& path);

}  // namespace chitu::config
