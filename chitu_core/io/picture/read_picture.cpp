#include "chitu_core/io/picture/read_picture.h"

#include <fmt/format.h>

#include "chitu_core/common/error.h"
#include "chitu_core/common/files.h"
#include "chitu_core/io/picture/decoded_picture.h"
#include "chitu_core/io/picture/orientation.h"

namespace chitu::io {
namespace {

/// Pillow's limit: a larger picture is more likely an attack than a photograph.
constexpr std::int64_t kMostPixels = 178'956'970;
/// No picture within that limit has a larger file.
constexpr std::uintmax_t kMostFileBytes = std::uintmax_t{2} << 30;

DecodedPicture decode(std::string_view bytes, const std::string& what) {
  if (bytes.starts_with("\x89PNG\r\n\x1a\n")) return decode_png(bytes, what);
  if (bytes.starts_with("\xff\xd8\xff")) return decode_jpeg(bytes, what);
  if (bytes.starts_with("RIFF") && bytes.size() >= 12 && bytes.substr(8, 4) == "WEBP")
    return decode_webp(bytes, what);
  throw InputError(what + (bytes.empty() ? ": is empty, expected a PNG, JPEG or WebP file"
                                         : ": is not a PNG, JPEG or WebP file"));
}

}  // namespace

void fail_to_decode(const std::string& what, const std::string& reason) {
  throw InputError(fmt::format("{}: cannot read the picture: {}", what, reason));
}

void check_picture_size(const std::string& what, std::int64_t width, std::int64_t height) {
  if (width > 0 && height > 0 && height <= kMostPixels / width) return;
  throw InputError(fmt::format("{}: is {}x{} pixels, expected at most {} in all", what, width,
                               height, kMostPixels));
}

at::Tensor decode_picture(std::string_view bytes, const std::string& what) {
  const DecodedPicture picture = decode(bytes, what);
  return upright(picture.pixels, orientation_of(picture.exif, picture.xmp));
}

void check_picture_file(const std::filesystem::path& path) {
  std::error_code ignored;  // reading tells
  const auto size = std::filesystem::file_size(path, ignored);
  if (!ignored && size > kMostFileBytes)
    throw InputError(fmt::format("{}: has {} bytes, expected a picture of at most {}",
                                 path.string(), size, kMostFileBytes));
}

at::Tensor read_picture(const std::filesystem::path& path) {
  check_picture_file(path);
  return decode_picture(read_file(path), path.string());
}

}  // namespace chitu::io
