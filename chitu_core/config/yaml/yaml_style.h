#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace chitu::config {

/// How PyYAML writes a string of OmegaConf.to_yaml.
enum class YamlStyle { plain, single_quoted, double_quoted };

/// Where a string is to stand.
enum class YamlContext {
  block,       ///< a value or an item on lines of its own
  simple_key,  ///< a key, on one line with its value
  flow,        ///< between brackets, on one line
};

/// The style of a string: plain where it reads back as the same string and OmegaConf leaves it so,
/// else in single quotes where these can hold it. What YAML 1.1 or Python takes for a number,
/// boolean, null, date or merge key is quoted.
///
/// Source: the rules of PyYAML's emitter and OmegaConf's dumper, which tests compare with.
YamlStyle style_of(std::string_view text, YamlContext context);

/// Whether a key stands on one line with its value; others are written as `? key` and `: value`.
bool is_simple_key(std::string_view text);

/// The characters of a text; a byte that is no UTF-8 stands alone.
std::vector<std::string_view> yaml_characters(std::string_view text);

/// A line feed, or one of the three line breaks of Unicode.
bool is_yaml_break(std::string_view character);

/// A character as double quotes hold it: itself, or an escape such as \t, \x1B or \U0001F600.
std::string double_quoted_character(std::string_view character);

}  // namespace chitu::config
