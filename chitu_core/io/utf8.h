#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace chitu::io {

/// Throws InputError "<what>: not valid UTF-8 at byte <n>" unless `text` is valid UTF-8.
void require_utf8(std::string_view text, const std::string& what);

/// Decodes the character at `position` of valid UTF-8 text and advances `position`.
char32_t next_character(std::string_view text, std::size_t& position);

/// Length of the character that begins with this byte of valid UTF-8 text: 1 to 4 bytes.
std::size_t character_bytes(char lead);

/// Appends one character; U+FFFD if it is not a Unicode scalar value.
void append_character(std::string& text, char32_t character);

std::u32string to_utf32(std::string_view text);
std::string to_utf8(std::u32string_view text);

}  // namespace chitu::io
