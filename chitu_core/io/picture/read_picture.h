#pragma once

#include <ATen/core/Tensor.h>

#include <filesystem>
#include <string>
#include <string_view>

namespace chitu::io {

/// Reads a PNG, JPEG or WebP file upright, as diffusers' load_image() does: turned as its Exif data
/// say, then converted to RGB. Transparency is dropped, not blended. Of an animation it reads the
/// first picture.
///
/// returns  [H, W, 3] uint8 RGB, contiguous, on the CPU
/// throws   InputError "<path>: <problem>" for a file that cannot be opened, is of another kind,
///          is damaged or ends early, or has more than 178,956,970 pixels
at::Tensor read_picture(const std::filesystem::path& path);

/// throws  InputError "<path>: has N bytes, ..." for a file too large to be a picture, before it is
///         read
void check_picture_file(const std::filesystem::path& path);

/// read_picture() for the bytes of a file; `what` begins the errors.
at::Tensor decode_picture(std::string_view bytes, const std::string& what);

}  // namespace chitu::io
