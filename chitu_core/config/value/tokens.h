#pragma once

#include <string_view>

#include "chitu_core/config/value/node.h"

namespace chitu::config {

/// What an unquoted word of an override or of a resolver's argument is; the two grammars share
/// these tokens.
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

/// The longest word at the start of `text`; Word::none when no word starts there. With `utf8`, a
/// character beyond ASCII counts as part of an identifier.
WordToken next_word(std::string_view text, bool utf8 = false);

/// The value of one word on its own: typed for numbers, booleans and null, else a string.
Node word_value(Word word, std::string_view text);

/// The text of an escape token without the backslashes that escape.
std::string unescaped(std::string_view escapes);

/// Length of the identifier `[A-Za-z_][A-Za-z0-9_-]*` at the start of text, 0 when there is none.
std::size_t identifier_size(std::string_view text);

/// Length of the number at the start of text that is 0 or begins with 1 to 9, single underscores
/// between digits allowed; 0 when there is none.
std::size_t unsigned_size(std::string_view text);

}  // namespace chitu::config
