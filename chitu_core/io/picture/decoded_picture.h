#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <string>
#include <string_view>

namespace chitu::io {

/// A picture as its file stores it, and what may say how to turn it.
struct DecodedPicture {
  at::Tensor pixels;  ///< [H, W, 3] uint8 RGB, as stored
  std::string exif;   ///< TIFF structure of the Exif data, or empty
  std::string xmp;    ///< XML, or empty
};

/// The decoders of the formats. `bytes` is a whole file; pixels become RGB as Pillow's
/// convert("RGB") makes them: transparency is dropped, palettes are looked up, and of 16 bits per
/// channel the higher 8 count, except in grey pictures, where values above 255 become 255.
///
/// throws  InputError "<what>: cannot read: <reason>"
DecodedPicture decode_png(std::string_view bytes, const std::string& what);
DecodedPicture decode_jpeg(std::string_view bytes, const std::string& what);
DecodedPicture decode_webp(std::string_view bytes, const std::string& what);

/// throws  InputError "<what>: cannot read: <reason>"
[[noreturn]] void fail_to_decode(const std::string& what, const std::string& reason);

/// throws  InputError if a picture has more pixels than are read
void check_picture_size(const std::string& what, std::int64_t width, std::int64_t height);

}  // namespace chitu::io
