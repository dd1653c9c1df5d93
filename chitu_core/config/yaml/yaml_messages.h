#pragma once

#include <cstddef>

#include "chitu_core/config/yaml/yaml_text.h"

namespace YAML {
class Exception;
}

namespace chitu::config {

/// Throws an error of yaml-cpp as a ConfigError that says how to fix the file.
///
/// read_until  the text before this byte is valid
[[noreturn]] void explain_yaml_error(const YamlText& text, const YAML::Exception& error,
                                     std::size_t read_until);

}  // namespace chitu::config
