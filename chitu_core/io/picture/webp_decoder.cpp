#include <ATen/ATen.h>
#include <webp/demux.h>

#include <memory>
#include <string>

#include "chitu_core/common/error.h"
#include "chitu_core/io/picture/decoded_picture.h"

namespace chitu::io {
namespace {

using Decoder = std::unique_ptr<WebPAnimDecoder, decltype(&WebPAnimDecoderDelete)>;

std::string chunk(const Decoder& decoder, const char* name) {
  WebPChunkIterator found;
  std::string data;
  if (WebPDemuxGetChunk(WebPAnimDecoderGetDemuxer(decoder.get()), name, 1, &found) != 0)
    data.assign(reinterpret_cast<const char*>(found.chunk.bytes), found.chunk.size);
  WebPDemuxReleaseChunkIterator(&found);
  return data;
}

/// Exif data begins with its TIFF structure; some programs put the signature of JPEG before it.
std::string without_signature(std::string exif) {
  constexpr std::string_view kSignature("Exif\0\0", 6);
  return exif.starts_with(kSignature) ? exif.substr(kSignature.size()) : exif;
}

}  // namespace

DecodedPicture decode_webp(std::string_view bytes, const std::string& what) {
  const WebPData data{reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()};
  WebPAnimDecoderOptions options;
  WebPAnimDecoderOptionsInit(&options);
  const Decoder decoder(WebPAnimDecoderNew(&data, &options), &WebPAnimDecoderDelete);
  WebPAnimInfo info;
  if (!decoder || WebPAnimDecoderGetInfo(decoder.get(), &info) == 0)
    fail_to_decode(what, "it is damaged or ends early");
  check_picture_size(what, info.canvas_width, info.canvas_height);
  std::uint8_t* first = nullptr;
  int time = 0;
  if (WebPAnimDecoderGetNext(decoder.get(), &first, &time) == 0)
    fail_to_decode(what, "it is damaged or ends early");
  const at::Tensor stored =
      at::from_blob(first, {info.canvas_height, info.canvas_width, 4}, at::kByte);
  return {stored.narrow(2, 0, 3).contiguous(), without_signature(chunk(decoder, "EXIF")),
          chunk(decoder, "XMP ")};
}

}  // namespace chitu::io
