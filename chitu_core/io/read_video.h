#pragma once

#include <ATen/core/Tensor.h>

#include <filesystem>
#include <string>

namespace chitu::io {

struct Video {
  at::Tensor frames;  ///< [T, H, W, 3] uint8 RGB
  std::string codec;
  double frames_per_second = 0;
  bool bt709 = false;
};

/// Decodes the first video stream of a file.
Video read_video(const std::filesystem::path& path);

}  // namespace chitu::io
