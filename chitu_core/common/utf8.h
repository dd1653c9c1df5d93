#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace chitu {

/// Size in bytes of the UTF-8 character at `at`, 1 to 4; 0 when there is no valid one.
std::size_t character_size(std::string_view text, std::size_t at);

/// Index of the first byte that is not valid UTF-8; empty when all are.
std::optional<std::size_t> first_bad_byte(std::string_view text);

/// The text, or if it is longer, at most `most` bytes of whole characters and "...".
std::string shortened(std::string_view text, std::size_t most);

/// The text on one line, for messages: control characters and invalid bytes are escaped, such as \n
/// and \xff.
std::string one_line(std::string_view text);

}  // namespace chitu
