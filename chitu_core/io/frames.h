#pragma once

#include <ATen/core/Tensor.h>

#include <string>

namespace chitu::io {

/// Pictures for the writers: uint8, RGB, channels last, contiguous, on the CPU. Copies if the
/// tensor is on a device or strided. Throws ShapeError "<what>: expected ..., got ...".
at::Tensor as_image(const at::Tensor& image, const std::string& what);    ///< [H, W, 3]
at::Tensor as_frames(const at::Tensor& frames, const std::string& what);  ///< [T, H, W, 3], T > 0

}  // namespace chitu::io
