#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace chitu {

/// Bytes of the UTF-8 character that begins at `at`: 1 to 4; 0 where none does.
std::size_t character_size(std::string_view text, std::size_t at);

/// Index of the first byte that is not valid UTF-8; empty when all is.
std::optional<std::size_t> first_bad_byte(std::string_view text);

/// The text up to `most` bytes, cut between two characters and followed by "..." when it is longer.
std::string shortened(std::string_view text, std::size_t most);

/// The text on one line, for messages: control characters and bytes that are no UTF-8 as escapes,
/// such as \n and \xff; every other character as it is.
std::string one_line(std::string_view text);

}  // namespace chitu
