#pragma once

#include <algorithm>
#include <cstdint>

namespace chitu::memory {

/// Most bytes of weights that pass through host memory at once, unless one row alone has more:
/// enough for a copy at the full rate of the link, and a power of two because pinned memory is
/// allocated in powers of two.
inline constexpr std::int64_t kStagingBytes = 64 << 20;

/// How many rows fit into this many bytes; at least one, because rows are never split.
inline std::int64_t rows_that_fit(std::int64_t bytes, std::int64_t row_bytes) {
  return std::max<std::int64_t>(1, bytes / row_bytes);
}

}  // namespace chitu::memory
