#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "chitu_core/config/value/node.h"

namespace chitu::config {

/// A double as Python's repr prints it, the shortest text that reads back as the same value: 0.1,
/// 1.0, 1e-05, 1e+16, inf, nan.
std::string python_float(double value);

/// A value as Python's str() prints it: True, None, 1e-05, the text of a string, lists and maps.
/// `???` and interpolations as written.
std::string python_text(const Node& node);

/// As python_text, but null, true and false: a scalar as YAML and JSON write it.
std::string scalar_text(const Node& scalar);

/// Parses an integer as Python's int() does: sign, digits, single underscores, outer spaces. Empty
/// when it is not one, or not in -2^63 to 2^64 - 1.
std::optional<Node> read_whole_number(std::string_view text);

/// As read_whole_number, but empty above 2^63 - 1.
std::optional<std::int64_t> read_integer(std::string_view text);

/// Parses digits in this base, after an optional -. Empty as for read_whole_number.
std::optional<Node> number_in_base(std::string_view text, int base);

/// Parses a number as Python's float() does, with inf and nan; empty when it is not one.
std::optional<double> read_real(std::string_view text);

/// ASCII lower case.
std::string lower(std::string_view text);

/// Whether the text is valid UTF-8.
bool is_utf8(std::string_view text);

}  // namespace chitu::config
