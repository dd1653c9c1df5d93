#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace chitu::io {

/// The bytes as standard base64 with padding.
std::string encode_base64(std::string_view bytes);

/// Decodes standard base64 with padding; empty if the text is not that.
std::optional<std::string> decode_base64(std::string_view text);

}  // namespace chitu::io
