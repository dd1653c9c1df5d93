#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

namespace chitu::io {

/// The filters of Pillow; the numbers are those of its Resampling, which configs store.
enum class Resampling { nearest = 0, lanczos = 1, bilinear = 2, bicubic = 3, box = 4, hamming = 5 };

/// Resizes with an antialiasing filter, bit for bit as Image.resize() of Pillow 13: first the rows,
/// then the columns, or the other way round where that is less work, each in fixed-point arithmetic
/// rounded to 8 bits. A side that keeps its length is not filtered.
///
/// picture  [H, W, C] uint8 on the CPU
/// returns  [height, width, C] uint8, contiguous
/// throws   ShapeError for anything else or an empty size
/// source   the arithmetic of Pillow's ImagingResample
at::Tensor resize_picture(const at::Tensor& picture, std::int64_t height, std::int64_t width,
                          Resampling filter);

}  // namespace chitu::io
