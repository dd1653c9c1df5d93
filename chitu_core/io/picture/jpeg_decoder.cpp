#include <ATen/ops/empty.h>
#include <jpeglib.h>

#include <cstdio>  // jpeglib.h needs it
// after jpeglib.h
#include <jerror.h>

#include <algorithm>
#include <array>
#include <string>

#include "chitu_core/common/error.h"
#include "chitu_core/io/picture/decoded_picture.h"
#include "chitu_core/io/picture/long_jump.h"

namespace chitu::io {
namespace {

/// The segment that holds Exif data or XMP.
constexpr int kAppMarker = JPEG_APP0 + 1;

struct JpegReader {
  jpeg_decompress_struct jpeg{};
  jpeg_error_mgr errors{};
  std::jmp_buf jump{};
  std::array<char, JMSG_LENGTH_MAX> message{};
  std::string_view bytes;
  std::uint8_t* pixels = nullptr;  ///< [H, W, channels]
};

void on_error(j_common_ptr jpeg) {
  auto* reader = static_cast<JpegReader*>(jpeg->client_data);
  jpeg->err->format_message(jpeg, reader->message.data());
  std::longjmp(reader->jump, 1);
}

/// A file that ends early is a warning to libjpeg, which fills the rest with grey.
void on_message(j_common_ptr jpeg, int level) {
  if (level < 0 && (jpeg->err->msg_code == JWRN_JPEG_EOF || jpeg->err->msg_code == JWRN_HIT_MARKER))
    on_error(jpeg);
}

void create(JpegReader& reader) {
  jpeg_create_decompress(&reader.jpeg);
  jpeg_mem_src(&reader.jpeg, reinterpret_cast<const unsigned char*>(reader.bytes.data()),
               static_cast<unsigned long>(reader.bytes.size()));
  jpeg_save_markers(&reader.jpeg, kAppMarker, 0xFFFF);
  jpeg_read_header(&reader.jpeg, TRUE);
  const bool cmyk =
      reader.jpeg.jpeg_color_space == JCS_CMYK || reader.jpeg.jpeg_color_space == JCS_YCCK;
  reader.jpeg.out_color_space = cmyk ? JCS_CMYK : JCS_RGB;
  jpeg_start_decompress(&reader.jpeg);
}

void read_rows(JpegReader& reader) {
  const std::size_t row_bytes = std::size_t{reader.jpeg.output_width} *
                                static_cast<std::size_t>(reader.jpeg.output_components);
  while (reader.jpeg.output_scanline < reader.jpeg.output_height) {
    JSAMPROW row = reader.pixels + reader.jpeg.output_scanline * row_bytes;
    jpeg_read_scanlines(&reader.jpeg, &row, 1);
  }
  jpeg_finish_decompress(&reader.jpeg);
}

class JpegFile {
 public:
  JpegFile(std::string_view bytes, const std::string& what) : what_(what) {
    reader_.bytes = bytes;
    reader_.jpeg.err = jpeg_std_error(&reader_.errors);
    reader_.jpeg.client_data = &reader_;
    reader_.errors.error_exit = &on_error;
    reader_.errors.emit_message = &on_message;
  }
  ~JpegFile() { jpeg_destroy_decompress(&reader_.jpeg); }
  JpegFile(const JpegFile&) = delete;

  /// Reads the header. Segments are there until the pixels are read.
  void begin() {
    run(&create);
    check_picture_size(what_, reader_.jpeg.output_width, reader_.jpeg.output_height);
  }

  at::Tensor pixels() {
    const std::int64_t height = reader_.jpeg.output_height, width = reader_.jpeg.output_width;
    const std::int64_t channels = reader_.jpeg.output_components;
    at::Tensor stored = at::empty({height, width, channels}, at::kByte);
    reader_.pixels = stored.mutable_data_ptr<std::uint8_t>();
    run(&read_rows);
    return channels == 4 ? from_inverted_cmyk(stored) : stored;
  }

  /// What follows this signature in its segment; empty if no segment has it.
  std::string segment(std::string_view signature) const {
    for (auto* marker = reader_.jpeg.marker_list; marker; marker = marker->next) {
      const std::string_view data(reinterpret_cast<const char*>(marker->data), marker->data_length);
      if (marker->marker == kAppMarker && data.substr(0, signature.size()) == signature)
        return std::string(data.substr(signature.size()));
    }
    return "";
  }

 private:
  void run(void (*work)(JpegReader&)) {
    if (!completes(reader_.jump, reader_, work)) fail_to_decode(what_, reader_.message.data());
  }

  /// Files with four channels hold inverted CMYK, as Adobe's programs write it.
  static at::Tensor from_inverted_cmyk(const at::Tensor& stored) {
    at::Tensor pixels = at::empty({stored.size(0), stored.size(1), 3}, at::kByte);
    const auto* from = stored.const_data_ptr<std::uint8_t>();
    auto* to = pixels.mutable_data_ptr<std::uint8_t>();
    for (std::int64_t i = 0; i < stored.size(0) * stored.size(1); ++i) {
      const int white = from[4 * i + 3];
      for (int channel = 0; channel < 3; ++channel) {
        const int product = (255 - from[4 * i + channel]) * white + 128;
        to[3 * i + channel] =
            static_cast<std::uint8_t>(std::clamp(white - ((product >> 8) + product) / 256, 0, 255));
      }
    }
    return pixels;
  }

  const std::string& what_;
  JpegReader reader_;
};

}  // namespace

DecodedPicture decode_jpeg(std::string_view bytes, const std::string& what) {
  JpegFile file(bytes, what);
  file.begin();
  DecodedPicture picture;
  picture.exif = file.segment(std::string_view("Exif\0\0", 6));
  picture.xmp = file.segment(std::string_view("http://ns.adobe.com/xap/1.0/\0", 29));
  picture.pixels = file.pixels();
  return picture;
}

}  // namespace chitu::io
