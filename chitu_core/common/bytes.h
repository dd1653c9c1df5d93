#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace chitu {

/// "8GiB", "512 MiB", "1.5GB", "4096B"; a plain number counts GiB. Empty when it is none of these,
/// negative, or more than fits.
std::optional<std::int64_t> parse_bytes(std::string_view text);

/// "1.50 GiB", "96.0 MiB", "512 B".
std::string format_bytes(std::int64_t bytes);

}  // namespace chitu
