#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace chitu {

/// "8GiB", "512 MiB", "1.5GB", "4096B"; a plain number up to 1024 counts GiB. Empty when it is none
/// of these, negative, more than fits, or a larger number without a unit, which may be meant in
/// bytes.
std::optional<std::int64_t> parse_bytes(std::string_view text);

/// As parse_bytes, for an amount a second: "12GiB", "28.8GB/s".
std::optional<std::int64_t> parse_bytes_per_second(std::string_view text);

/// Whether this is a number above 1024 without a unit.
bool lacks_unit(std::string_view text);

/// What is expected where lacks_unit(), for messages.
inline constexpr const char* kUnitAdvice =
    "a unit, such as 8GB or 8GiB (a plain number counts GiB, up to 1024)";

/// "1.50 GiB", "96.0 MiB", "512 B".
std::string format_bytes(std::int64_t bytes);

/// As format_bytes, rounded up: parse_bytes() of it is no less than `bytes`.
std::string format_bytes_up(std::int64_t bytes);

}  // namespace chitu
