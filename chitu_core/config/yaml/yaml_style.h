#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace chitu::config {

/// The styles in which OmegaConf.to_yaml writes strings.
enum class YamlStyle { plain, single_quoted, double_quoted };

/// Where a string is written.
enum class YamlContext {
  block,       ///< a value or an item on lines of its own
  simple_key,  ///< a key, on one line with its value
  flow,        ///< between brackets, on one line
};

/// The style of a string: plain when it reads back as the same string, else single quotes when
/// possible, else double quotes. A string that YAML 1.1 or Python reads as a number, boolean, null,
/// date or merge key is quoted.
///
/// source  the emitter of PyYAML and the dumper of OmegaConf; tests compare with both
YamlStyle style_of(std::string_view text, YamlContext context);

/// Whether a key is written as `key: value`; if not, as `? key` and `: value` on two lines.
bool is_simple_key(std::string_view text);

/// The characters of a text. An invalid byte is a character of its own.
std::vector<std::string_view> yaml_characters(std::string_view text);

/// A line feed, or one of the Unicode line breaks U+0085, U+2028 and U+2029.
bool is_yaml_break(std::string_view character);

/// A character in double quotes: itself, or an escape such as \t, \x1B or \U0001F600.
std::string double_quoted_character(std::string_view character);

}  // namespace chitu::config
