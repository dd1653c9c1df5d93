#pragma once

#include <cstdint>
#include <optional>

namespace chitu::device {

/// A device in host memory that behaves like an accelerator: its memory is counted to the byte and
/// limited to a capacity, and mixing its tensors with CPU tensors in one operation is an error. Its
/// results are the CPU's, bit for bit. Tests of memory use run on it without a GPU.
///
/// Uses libtorch's PrivateUse1 backend. It is registered as "sim" when it is first configured, so a
/// process that does not use it keeps its own accelerator.
struct SimOptions {
  std::optional<std::int64_t> capacity_bytes{};  ///< empty = the host's memory
  std::optional<double> h2d_bytes_per_second{};  ///< empty = the host's own speed
  std::optional<double> d2h_bytes_per_second{};

  bool operator==(const SimOptions&) const = default;
};

}  // namespace chitu::device
