#pragma once

#include <ATen/core/Tensor.h>

#include <filesystem>
#include <functional>

#include "chitu_core/io/video.h"

namespace chitu::pipelines {

/// Writes frames into a video file, which appears under its name once it is complete.
///
/// frames      [F, H, W, 3] uint8 on the CPU
/// check_stop  called before every frame; throws to end the writing
/// throws      InputError naming a file that cannot be written
void write_video(const at::Tensor& frames, double frames_per_second, io::VideoFormat format,
                 const std::filesystem::path& file, const std::function<void()>& check_stop);

}  // namespace chitu::pipelines
