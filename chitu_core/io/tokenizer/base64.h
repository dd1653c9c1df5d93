#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace chitu::io {

/// Decodes standard base64 with its padding; empty when the text is anything else.
std::optional<std::string> decode_base64(std::string_view text);

}  // namespace chitu::io
