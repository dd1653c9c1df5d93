#include "chitu_core/io/utf8.h"

#include <unicode/utf8.h>

#include <cstring>

#include "chitu_core/common/error.h"

namespace chitu::io {
namespace {

/// Whether the next eight bytes are ASCII, as most of a large tokenizer file is.
bool ascii_at(std::string_view text, std::size_t position) {
  std::uint64_t word = 0;
  if (text.size() - position < sizeof word) return false;
  std::memcpy(&word, text.data() + position, sizeof word);
  return (word & 0x8080808080808080) == 0;
}

}  // namespace

void require_utf8(std::string_view text, const std::string& what) {
  std::size_t position = 0;
  while (position < text.size()) {
    if (ascii_at(text, position)) {
      position += sizeof(std::uint64_t);
      continue;
    }
    const std::size_t start = position;
    UChar32 character = 0;
    U8_NEXT(text.data(), position, text.size(), character);
    if (character < 0)
      throw InputError(what + ": not valid UTF-8 at byte " + std::to_string(start + 1));
  }
}

char32_t next_character(std::string_view text, std::size_t& position) {
  UChar32 character = 0;
  U8_NEXT_OR_FFFD(text.data(), position, text.size(), character);
  return static_cast<char32_t>(character);
}

std::size_t character_bytes(char lead) {
  const auto byte = static_cast<unsigned char>(lead);
  if (byte < 0xc0) return 1;
  return byte < 0xe0 ? 2 : byte < 0xf0 ? 3 : 4;
}

void append_character(std::string& text, char32_t character) {
  const bool scalar = character <= 0x10ffff && !U_IS_SURROGATE(character);
  const char32_t valid = scalar ? character : U'\ufffd';
  char bytes[U8_MAX_LENGTH];
  std::size_t length = 0;
  U8_APPEND_UNSAFE(bytes, length, valid);
  text.append(bytes, length);
}

std::u32string to_utf32(std::string_view text) {
  std::u32string characters;
  characters.reserve(text.size());
  for (std::size_t position = 0; position < text.size();)
    characters += next_character(text, position);
  return characters;
}

std::string to_utf8(std::u32string_view text) {
  std::string bytes;
  bytes.reserve(text.size());
  for (const char32_t character : text) append_character(bytes, character);
  return bytes;
}

}  // namespace chitu::io
