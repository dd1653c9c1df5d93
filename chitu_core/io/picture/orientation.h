#pragma once

#include <ATen/core/Tensor.h>

#include <string_view>

namespace chitu::io {

/// How a camera was held: 1 to 8, by the numbers of Exif. 1 = upright. Exif data decides; if it
/// says nothing, XMP does.
///
/// exif  the TIFF structure, in either byte order; damaged data counts as none
/// xmp   XML with tiff:Orientation
int orientation_of(std::string_view exif, std::string_view xmp);

/// The picture upright. pixels [H, W, 3]; returns [H, W, 3] or [W, H, 3], contiguous.
at::Tensor upright(const at::Tensor& pixels, int orientation);

}  // namespace chitu::io
