#include <ATen/ops/empty.h>
#include <png.h>

#include <algorithm>
#include <cstring>
#include <string>
#include <vector>

#include "chitu_core/common/error.h"
#include "chitu_core/io/picture/decoded_picture.h"
#include "chitu_core/io/picture/long_jump.h"

namespace chitu::io {
namespace {

/// Everything that libpng's callbacks and the work between two of its errors share.
struct PngReader {
  std::string_view bytes;
  std::size_t position = 0;
  std::jmp_buf jump{};
  char message[256] = "";
  png_structp png = nullptr;
  png_infop info = nullptr;
  png_bytepp rows = nullptr;
  bool wide_grey = false;  ///< 16 bits of grey without transparency
};

void on_error(png_structp png, png_const_charp message) {
  auto* reader = static_cast<PngReader*>(png_get_error_ptr(png));
  std::strncpy(reader->message, message, sizeof(reader->message) - 1);
  std::longjmp(reader->jump, 1);
}

void on_warning(png_structp, png_const_charp) {}

void read_bytes(png_structp png, png_bytep to, png_size_t count) {
  auto* reader = static_cast<PngReader*>(png_get_io_ptr(png));
  if (count > reader->bytes.size() - reader->position) png_error(png, "the file ends early");
  std::memcpy(to, reader->bytes.data() + reader->position, count);
  reader->position += count;
}

/// Sets the transformations to 8-bit RGB, or to 16 bits of grey where those are clamped later.
void begin(PngReader& reader) {
  png_structp png = reader.png;
  png_set_read_fn(png, &reader, &read_bytes);
  png_set_user_limits(png, 1 << 24, 1 << 24);
  png_read_info(png, reader.info);
  const int color = png_get_color_type(png, reader.info);
  const bool wide = png_get_bit_depth(png, reader.info) == 16;
  reader.wide_grey = wide && color == PNG_COLOR_TYPE_GRAY;
  if (wide && !reader.wide_grey) png_set_strip_16(png);
  if (color == PNG_COLOR_TYPE_PALETTE) png_set_palette_to_rgb(png);
  if (color == PNG_COLOR_TYPE_GRAY && !wide) png_set_expand_gray_1_2_4_to_8(png);
  if ((color & PNG_COLOR_MASK_COLOR) == 0 && !reader.wide_grey) png_set_gray_to_rgb(png);
  png_set_strip_alpha(png);
  png_set_interlace_handling(png);
  png_read_update_info(png, reader.info);
}

void read_rows(PngReader& reader) {
  png_read_image(reader.png, reader.rows);
  png_read_end(reader.png, reader.info);
}

/// libpng's structures for one file.
class PngFile {
 public:
  PngFile(std::string_view bytes, const std::string& what) : what_(what) {
    reader_.bytes = bytes;
    reader_.png = png_create_read_struct(PNG_LIBPNG_VER_STRING, &reader_, &on_error, &on_warning);
    reader_.info = reader_.png ? png_create_info_struct(reader_.png) : nullptr;
    if (!reader_.info) fail_to_decode(what, "libpng has no memory");
  }
  ~PngFile() { png_destroy_read_struct(&reader_.png, &reader_.info, nullptr); }
  PngFile(const PngFile&) = delete;

  at::Tensor pixels() {
    run(&begin);
    const std::int64_t height = png_get_image_height(reader_.png, reader_.info);
    const std::int64_t width = png_get_image_width(reader_.png, reader_.info);
    check_picture_size(what_, width, height);
    const std::int64_t row_bytes =
        static_cast<std::int64_t>(png_get_rowbytes(reader_.png, reader_.info));
    at::Tensor stored = at::empty({height, row_bytes}, at::kByte);
    std::vector<png_bytep> rows;
    for (std::int64_t y = 0; y < height; ++y)
      rows.push_back(stored.mutable_data_ptr<std::uint8_t>() + y * row_bytes);
    reader_.rows = rows.data();
    run(&read_rows);
    return reader_.wide_grey ? clamped(stored, width) : stored.view({height, width, 3});
  }

  std::string exif() {
    png_bytep data = nullptr;
    png_uint_32 size = 0;
    if (png_get_eXIf_1(reader_.png, reader_.info, &size, &data) == 0) return "";
    return {reinterpret_cast<const char*>(data), size};
  }

  /// The value of a text chunk; empty if there is none.
  std::string text(std::string_view key) {
    png_textp texts = nullptr;
    const int count = png_get_text(reader_.png, reader_.info, &texts, nullptr);
    for (int i = 0; i < count; ++i)
      if (key == texts[i].key)
        return {texts[i].text, std::max(texts[i].text_length, texts[i].itxt_length)};
    return "";
  }

 private:
  void run(void (*work)(PngReader&)) {
    if (!completes(reader_.jump, reader_, work)) fail_to_decode(what_, reader_.message);
  }

  /// Big-endian grey of 16 bits, limited to 255.
  static at::Tensor clamped(const at::Tensor& stored, std::int64_t width) {
    at::Tensor pixels = at::empty({stored.size(0), width, 3}, at::kByte);
    const auto* from = stored.const_data_ptr<std::uint8_t>();
    auto* to = pixels.mutable_data_ptr<std::uint8_t>();
    for (std::int64_t i = 0; i < stored.size(0) * width; ++i)
      std::fill_n(to + 3 * i, 3, from[2 * i] > 0 ? std::uint8_t{255} : from[2 * i + 1]);
    return pixels;
  }

  const std::string& what_;
  PngReader reader_;
};

/// The bytes of hexadecimal text, which may be broken into lines.
std::string from_hex(std::string_view text) {
  const auto digit = [](char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
  };
  std::string bytes;
  int high = -1;
  for (const char c : text) {
    const int value = digit(c);
    if (value < 0) continue;
    if (high < 0) {
      high = value;
    } else {
      bytes += static_cast<char>(high * 16 + value);
      high = -1;
    }
  }
  return bytes;
}

/// Exif data as ImageMagick writes it: "\nexif\n <size>\n<hexadecimal>".
std::string raw_profile(const std::string& text) {
  std::size_t start = 0;
  for (int line = 0; line < 3 && start != std::string::npos; ++line) {
    const std::size_t end = text.find('\n', start);
    start = end == std::string::npos ? end : end + 1;
  }
  return start == std::string::npos ? "" : from_hex(std::string_view(text).substr(start));
}

}  // namespace

DecodedPicture decode_png(std::string_view bytes, const std::string& what) {
  PngFile file(bytes, what);
  DecodedPicture picture{file.pixels(), file.exif(), file.text("XML:com.adobe.xmp")};
  if (picture.exif.empty()) picture.exif = raw_profile(file.text("Raw profile type exif"));
  return picture;
}

}  // namespace chitu::io
