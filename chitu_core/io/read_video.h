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

/// Decodes the first video stream of a file, such as an mp4 or a GIF, with FFmpeg's libraries. YUV
/// becomes RGB by BT.709 in limited range, as VideoWriter writes it. Holds every frame in memory.
///
/// throws  InputError "<path>: cannot decode: <reason>", also for a file that ends early
Video read_video(const std::filesystem::path& path);

}  // namespace chitu::io
