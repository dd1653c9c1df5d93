#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace chitu {

/// Parses "8GiB", "512 MiB", "1.5GB", "4096B". A number without a unit is in GiB up to 1024; a
/// larger one is rejected, because it may be meant in bytes. Empty for other texts, negative
/// numbers and numbers that do not fit.
std::optional<std::int64_t> parse_bytes(std::string_view text);

/// As parse_bytes, for bytes per second: "12GiB", "28.8GB/s".
std::optional<std::int64_t> parse_bytes_per_second(std::string_view text);

/// Whether the text is a number above 1024 without a unit.
bool lacks_unit(std::string_view text);

/// What to expect instead of a text with lacks_unit(), for messages.
inline constexpr const char* kUnitAdvice =
    "a unit, such as 8GB or 8GiB (a number without a unit is in GiB, up to 1024)";

/// "1.50 GiB", "96.0 MiB", "512 B".
std::string format_bytes(std::int64_t bytes);

/// As format_bytes, rounded up: parse_bytes() of the result is at least `bytes`.
std::string format_bytes_up(std::int64_t bytes);

}  // namespace chitu
