#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "chitu_core/config/value/node.h"

namespace chitu::config {

/// The shortest text that reads back as the same double, laid out as Python's repr: 0.1, 1.0,
/// 1e-05, 1e+16, inf, nan.
std::string python_float(double value);

/// A scalar as Python's str(): True, None, 1e-05, the text of a string; `???` and interpolations as
/// written. Lists and maps as Python prints them.
std::string python_text(const Node& node);

/// A scalar as YAML, JSON and overrides write it: as python_text, but null, true and false.
std::string scalar_text(const Node& scalar);

/// Text as Python's int(text) reads it: sign, digits, single underscores, outer spaces; empty when
/// it is no integer or lies outside -2^63 to 2^64 - 1.
std::optional<Node> read_whole_number(std::string_view text);

/// As read_whole_number; empty also above 2^63 - 1.
std::optional<std::int64_t> read_integer(std::string_view text);

/// Digits in a base, with - before them at most, within the range of read_whole_number.
std::optional<Node> number_in_base(std::string_view text, int base);

/// Text as Python's float(text) reads it, inf and nan included; empty when it is none.
std::optional<double> read_real(std::string_view text);

/// ASCII lower case.
std::string lower(std::string_view text);

/// True for valid UTF-8.
bool is_utf8(std::string_view text);

}  // namespace chitu::config
