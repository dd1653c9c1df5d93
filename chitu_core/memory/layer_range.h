#pragma once

#include <cstdint>

namespace chitu::memory {

/// Layers of a module by index: first, first + 1, ... last - 1. The layers of a pass that compute;
/// the weights of the others are not needed.
struct LayerRange {
  std::int64_t first = 0, last = 0;

  bool empty() const { return last <= first; }
  std::int64_t count() const { return empty() ? 0 : last - first; }
  bool operator==(const LayerRange&) const = default;
};

}  // namespace chitu::memory
