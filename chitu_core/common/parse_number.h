#pragma once

#include <charconv>
#include <optional>
#include <string_view>
#include <system_error>

namespace chitu {

/// The number that a text is in full, as std::from_chars reads it: without blanks or a plus sign.
/// Empty for any other text, and out of range.
template <class Number>
std::optional<Number> parse_number(std::string_view text) {
  Number number{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  const bool whole = error == std::errc() && end == text.data() + text.size();
  return whole ? std::optional(number) : std::nullopt;
}

}  // namespace chitu
