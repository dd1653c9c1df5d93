#pragma once

#include <ATen/core/Tensor.h>
#include <c10/core/Device.h>

#include <algorithm>
#include <cstdint>

namespace chitu::memory {

/// Most bytes of weights that pass through host memory at once, unless a single row has more:
/// enough for a copy at the full rate of the link, and a power of two because pinned memory is
/// allocated in powers of two.
inline constexpr std::int64_t kStagingBytes = 64 << 20;

/// How many rows fit into this many bytes; at least one, because rows are never split.
inline std::int64_t rows_that_fit(std::int64_t bytes, std::int64_t row_bytes) {
  return std::max<std::int64_t>(1, bytes / row_bytes);
}

/// Host memory that weights pass through on their way to a device. One buffer serves all of them,
/// because making and pinning it takes longer than the copies.
class Staging {
 public:
  /// The buffer is made at its first use.
  Staging(std::int64_t bytes, c10::Device device, bool pin_memory)
      : bytes_(bytes), device_(device), pin_memory_(pin_memory) {}

  /// An uninitialised tensor in the buffer; the one returned before is no longer valid. It must not
  /// be larger than the buffer.
  at::Tensor tensor(at::IntArrayRef shape, at::ScalarType dtype);

 private:
  std::int64_t bytes_;
  c10::Device device_;
  bool pin_memory_;
  at::Tensor buffer_{};
};

}  // namespace chitu::memory
