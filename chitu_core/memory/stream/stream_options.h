#pragma once

#include <cstdint>

namespace chitu::memory {

/// How a component's layers are streamed.
struct StreamOptions {
  std::int64_t resident_layers = 0;  ///< stay on the device
  int slabs = 2;                     ///< 2 or more: one computes while the others are filled
  bool pin_memory = true;            ///< pin the host memory that layers pass through
  bool operator==(const StreamOptions&) const = default;
};

/// Which layers stay on the device when `count` of `layers` do. They are spread evenly, so that
/// every streamed layer has as much computation as possible to hide its copy behind.
struct SpreadLayers {
  std::int64_t count = 0, layers = 0;
  bool operator()(std::int64_t index) const {
    return count > 0 && (index + 1) * count / layers > index * count / layers;
  }
};

}  // namespace chitu::memory
