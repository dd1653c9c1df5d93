#pragma once

namespace chitu::config {

constexpr bool is_digit(char c) { return c >= '0' && c <= '9'; }
/// An ASCII letter.
constexpr bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
/// A space or a tab.
constexpr bool is_blank(char c) { return c == ' ' || c == '\t'; }

}  // namespace chitu::config
