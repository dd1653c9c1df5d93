#pragma once

#include <cstddef>

namespace chitu::config {

/// Limits against hostile or mistaken input, far above what a configuration needs. Exceeding one is
/// a ConfigError that names the limit.
inline constexpr std::size_t kMaxFileBytes = 64u << 20;
inline constexpr std::size_t kMaxDepth = 200;            ///< nesting of lists, maps, interpolations
inline constexpr std::size_t kMaxNodes = 1'000'000;      ///< nodes of a file, aliases expanded
inline constexpr std::size_t kMaxTextBytes = 16u << 20;  ///< one interpolated string
inline constexpr std::size_t kMaxResolvedNodes = 4'000'000;
inline constexpr std::size_t kMaxJobs = 1'000'000;    ///< jobs of a sweep, values of a range
inline constexpr std::size_t kMaxDefaults = 100'000;  ///< entries of the final defaults list

}  // namespace chitu::config
