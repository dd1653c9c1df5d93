#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <string>
#include <vector>

namespace chitu::io {

/// SHA-256 sums of a clip, in lower-case hexadecimal.
struct FramesDigest {
  std::int64_t width_px = 0, height_px = 0;
  std::vector<std::string> each;  ///< of the bytes of each frame: RGB, row by row
  std::string all;                ///< of the bytes of all frames, one after another

  bool operator==(const FramesDigest&) const = default;
};

/// frames  [T, H, W, 3] uint8. Uses several threads.
/// throws  ShapeError
FramesDigest digest_of(const at::Tensor& frames);

}  // namespace chitu::io
