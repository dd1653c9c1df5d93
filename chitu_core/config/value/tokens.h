#pragma once

#include <string_view>

#include "chitu_core/config/value/node.h"

namespace chitu::config {

/// The kinds of unquoted words. Overrides and the arguments of resolvers have the same ones.
enum class Word : std::uint8_t {
  none,
  identifier,
  null,
  integer,
  real,
  boolean,
  character,
  escape,
  blank
};

struct WordToken {
  Word word = Word::none;
  std::size_t size = 0;  ///< bytes
};

/// The longest word at the start of `text`; Word::none when there is none. With `utf8`, identifiers
/// may contain characters outside ASCII.
WordToken next_word(std::string_view text, bool utf8 = false);

/// The value of a single word: a number, boolean, null, or else a string.
Node word_value(Word word, std::string_view text);

/// The text of an escape token, without the escaping backslashes.
std::string unescaped(std::string_view escapes);

/// Length of the identifier `[A-Za-z_][A-Za-z0-9_-]*` at the start of the text; 0 if none.
std::size_t identifier_size(std::string_view text);

/// Length of the unsigned integer at the start of the text: 0, or digits without a leading zero,
/// with single underscores between them. 0 when there is none.
std::size_t unsigned_size(std::string_view text);

}  // namespace chitu::config
