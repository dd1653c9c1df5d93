#include "chitu_core/io/video.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <utility>
#include <vector>

#include "chitu_core/common/error.h"
#include "chitu_core/common/temporary.h"
#include "chitu_core/io/frames.h"
#include "chitu_core/io/video/encoder.h"
#include "chitu_core/io/video/palette.h"
#include "chitu_core/io/video/yuv.h"

extern "C" {
#include <libavutil/frame.h>
}

namespace chitu::io {
namespace {

/// Larger than any screen; avoids overflows in the libraries.
constexpr std::int64_t kLargestSide = 16384;

VideoOptions checked(const std::filesystem::path& path, const VideoOptions& options) {
  const auto fail = [&](const std::string& problem) {
    throw InputError(path.string() + ": " + problem);
  };
  for (const std::int64_t side : {options.width_px, options.height_px})
    if (side < 1 || side > kLargestSide)
      fail(fmt::format("a video's width and height must be 1 to {}, got {} x {}", kLargestSide,
                       options.width_px, options.height_px));
  const double rate = options.frames_per_second;
  if (!std::isfinite(rate) || rate < 0.01 || rate > 1000)
    fail(fmt::format("frames per second must be 0.01 to 1000, got {}", rate));
  return options;
}

std::span<const Rgb> pixels_of(const at::Tensor& frame) {
  static_assert(sizeof(Rgb) == 3);
  return {static_cast<const Rgb*>(frame.const_data_ptr()),
          static_cast<std::size_t>(frame.numel() / 3)};
}

}  // namespace

struct VideoWriter::Impl {
  Impl(const std::filesystem::path& path, const VideoOptions& wanted)
      : options(checked(path, wanted)),
        name(path),
        encoder(name.temporary(), path.string(), options) {}

  void add(const at::Tensor& frames) {
    for (std::int64_t i = 0; i < frames.size(0); ++i) {
      const at::Tensor frame = frames[i];
      ++count;
      if (options.format == VideoFormat::gif) {
        palette.add(pixels_of(frame));
        kept.push_back(frame);
      } else {
        to_yuv.convert(frame, encoder.writable_frame());
        encoder.encode_frame();
      }
    }
  }

  void encode_kept() {
    const Palette chosen = palette.build();
    PaletteMapper mapper(chosen);
    const auto width = static_cast<std::size_t>(options.width_px);
    std::vector<std::uint8_t> indices(width * static_cast<std::size_t>(options.height_px));
    for (const at::Tensor& frame : kept) {
      mapper.map(pixels_of(frame), width, indices);
      AVFrame& out = encoder.writable_frame();
      for (std::size_t y = 0; y * width < indices.size(); ++y)
        std::memcpy(out.data[0] + static_cast<std::ptrdiff_t>(y) * out.linesize[0],
                    indices.data() + y * width, width);
      write_palette(chosen, out);
      encoder.encode_frame();
    }
  }

  static void write_palette(const Palette& chosen, AVFrame& out) {
    std::uint32_t entries[256];
    std::fill(std::begin(entries), std::end(entries), 0xff000000u);  // opaque
    for (std::size_t i = 0; i < chosen.colours.size(); ++i) {
      const Rgb& colour = chosen.colours[i];
      entries[i] |= static_cast<std::uint32_t>(colour.red << 16 | colour.green << 8 | colour.blue);
    }
    std::memcpy(out.data[1], entries, sizeof entries);
  }

  VideoOptions options;
  TemporaryName name;  // outlives the encoder, which has the file open
  Encoder encoder;
  RgbToYuv to_yuv;
  PaletteBuilder palette;
  std::vector<at::Tensor> kept;  ///< a GIF's frames, because its palette depends on all of them
  std::int64_t count = 0;
};

VideoWriter::VideoWriter(const std::filesystem::path& path, const VideoOptions& options)
    : impl_(std::make_unique<Impl>(path, options)) {}
VideoWriter::~VideoWriter() = default;
VideoWriter::VideoWriter(VideoWriter&&) noexcept = default;
VideoWriter& VideoWriter::operator=(VideoWriter&&) noexcept = default;

void VideoWriter::add(const at::Tensor& frames) {
  const std::string what = impl_->name.target().string();
  const bool one = frames.defined() && frames.dim() == 3;
  const at::Tensor clip = one ? as_image(frames, what).unsqueeze(0) : as_frames(frames, what);
  const VideoOptions& options = impl_->options;
  if (clip.size(1) != options.height_px || clip.size(2) != options.width_px)
    throw ShapeError(fmt::format("{}: expected frames of {} x {}, got {} x {}", what,
                                 options.width_px, options.height_px, clip.size(2), clip.size(1)));
  impl_->add(clip);
}

void VideoWriter::finish() {
  if (impl_->count == 0) throw Error(impl_->name.target().string() + ": a video without frames");
  if (impl_->options.format == VideoFormat::gif) impl_->encode_kept();
  impl_->encoder.finish();
  impl_->name.commit();
}

const std::string& VideoWriter::encoder() const { return impl_->encoder.name(); }

}  // namespace chitu::io
