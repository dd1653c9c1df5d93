#pragma once

#include <ATen/core/Tensor.h>

#include <string>
#include <vector>

#include "chitu/video.h"
#include "pipelines/model/request.h"

namespace chitu {

struct Video::Impl {
  at::Tensor frames;   ///< [F, H, W, 3] uint8, contiguous, on the CPU
  at::Tensor latents;  ///< [1, C, F, H, W] float32 on the CPU
  pipelines::Request completed;
  Request request;
  std::vector<std::string> problems;
};

namespace api {

/// Frames as the last stage made them, without gaps.
///
/// throws  ShapeError unless they are [F, H, W, 3] uint8 on the CPU
at::Tensor checked_frames(const at::Tensor& frames);

}  // namespace api

struct VideoAccess {
  static Video make(Video::Impl impl) {
    return Video(std::make_shared<const Video::Impl>(std::move(impl)));
  }
};

}  // namespace chitu
