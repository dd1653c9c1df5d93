#pragma once

#include <cstddef>

#include "chitu_core/config/yaml/yaml_text.h"

namespace YAML {
class Exception;
}

namespace chitu::config {

/// Throws what yaml-cpp found wrong as a ConfigError that says what the writer of the file can do.
///
/// read_until  a byte before which all is in order
[[noreturn]] void explain_yaml_error(const YamlText& text, const YAML::Exception& error,
                                     std::size_t read_until);

}  // namespace chitu::config
