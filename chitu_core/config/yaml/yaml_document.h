#pragma once

#include <string>
#include <string_view>

#include "chitu_core/config/yaml/yaml_builder.h"

namespace chitu::config {

/// Reads the one document of a YAML 1.1 text into a builder, through yaml-cpp's events. What
/// yaml-cpp takes though YAML 1.1 (and PyYAML) refuses it, is refused here: a key without a colon,
/// empty entries of a list in brackets, a quote that is never closed, names of anchors with other
/// characters than letters, digits, - and _.
///
/// name    what errors call the text
/// throws  ConfigError "<name>:<line>:<column>: ..." for what is no YAML, and for a second document
void read_yaml_document(std::string_view text, const std::string& name, YamlBuilder& builder);

}  // namespace chitu::config
