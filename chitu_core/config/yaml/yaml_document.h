#pragma once

#include <string>
#include <string_view>

#include "chitu_core/config/yaml/yaml_builder.h"

namespace chitu::config {

/// Feeds the events of yaml-cpp for a YAML 1.1 text to a builder. Also rejects what yaml-cpp
/// accepts but YAML 1.1 and PyYAML do not: keys without a colon, empty items in brackets, unclosed
/// quotes, names of anchors with other characters than letters, digits, - and _.
///
/// name    of the text, in errors
/// throws  ConfigError "<name>:<line>:<column>: ..." for invalid YAML and for a second document
void read_yaml_document(std::string_view text, const std::string& name, YamlBuilder& builder);

}  // namespace chitu::config
