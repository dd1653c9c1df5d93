#include "chitu_core/io/read_video.h"

#include <ATen/ATen.h>
#include <fmt/format.h>

#include <memory>
#include <vector>

#include "chitu_core/common/error.h"
#include "chitu_core/io/video/av.h"

extern "C" {
#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>
#include <libswscale/swscale.h>
}

namespace chitu::io {
namespace {

struct CloseInput {
  void operator()(AVFormatContext* context) const { avformat_close_input(&context); }
};
struct FreeScaler {
  void operator()(SwsContext* context) const { sws_freeContext(context); }
};

/// One file while it is decoded.
class Decoder {
 public:
  explicit Decoder(const std::filesystem::path& path) : path_(path) {
    redirect_av_messages();
    open_file();
    open_codec();
  }

  Video decode() {
    std::vector<at::Tensor> frames;
    while (read_packet()) take_frames(frames);
    check(avcodec_send_packet(codec_.get(), nullptr));
    take_frames(frames);
    const std::int64_t expected = stream().nb_frames;
    if (frames.empty()) fail("it has no frames");
    if (expected > static_cast<std::int64_t>(frames.size()))
      fail(fmt::format("only {} of {} frames are there", frames.size(), expected));
    return {at::stack(frames), codec_->codec->name, av_q2d(stream().avg_frame_rate), bt709_};
  }

 private:
  [[noreturn]] void fail(const std::string& reason) const {
    throw InputError(path_.string() + ": cannot decode: " + reason);
  }
  int check(int result) const {
    if (result < 0) fail(av_reason(result));
    return result;
  }
  const AVStream& stream() const { return *format_->streams[stream_]; }

  void open_file() {
    AVFormatContext* format = nullptr;
    check(avformat_open_input(&format, ("file:" + path_.string()).c_str(), nullptr, nullptr));
    format_.reset(format);
    check(avformat_find_stream_info(format, nullptr));
    stream_ = check(av_find_best_stream(format, AVMEDIA_TYPE_VIDEO, -1, -1, nullptr, 0));
  }

  void open_codec() {
    const AVCodec* codec = avcodec_find_decoder(stream().codecpar->codec_id);
    if (!codec) fail("FFmpeg has no decoder for it");
    codec_.reset(avcodec_alloc_context3(codec));
    check(avcodec_parameters_to_context(codec_.get(), stream().codecpar));
    check(avcodec_open2(codec_.get(), codec, nullptr));
  }

  /// Sends the next packet of the stream to the decoder; false at the end of the file.
  bool read_packet() {
    while (true) {
      const int read = av_read_frame(format_.get(), packet_.get());
      if (read == AVERROR_EOF) return false;
      check(read);
      const bool ours = packet_->stream_index == stream_;
      const int sent = ours ? avcodec_send_packet(codec_.get(), packet_.get()) : 0;
      av_packet_unref(packet_.get());
      check(sent);
      if (ours) return true;
    }
  }

  void take_frames(std::vector<at::Tensor>& frames) {
    while (true) {
      const int received = avcodec_receive_frame(codec_.get(), frame_.get());
      if (received == AVERROR(EAGAIN) || received == AVERROR_EOF) return;
      check(received);
      frames.push_back(rgb(*frame_));
      if (frames.back().sizes() != frames.front().sizes()) fail("its frames differ in size");
      bt709_ = frame_->colorspace == AVCOL_SPC_BT709 && frame_->color_range == AVCOL_RANGE_MPEG;
    }
  }

  /// [H, W, 3] of a decoded frame.
  at::Tensor rgb(const AVFrame& frame) {
    scaler_.reset(sws_getCachedContext(
        scaler_.release(), frame.width, frame.height, static_cast<AVPixelFormat>(frame.format),
        frame.width, frame.height, AV_PIX_FMT_RGB24,
        SWS_BICUBIC | SWS_ACCURATE_RND | SWS_FULL_CHR_H_INT, nullptr, nullptr, nullptr));
    if (!scaler_) fail("its pixel format is not supported");
    const int* bt709 = sws_getCoefficients(SWS_CS_ITU709);
    sws_setColorspaceDetails(scaler_.get(), bt709, 0, bt709, 1, 0, 1 << 16, 1 << 16);
    // The library writes whole vectors; a row of its own size keeps it inside.
    const int row_bytes = (frame.width * 3 + 63) / 64 * 64;
    at::Tensor rows = at::empty({frame.height + 1, row_bytes}, at::kByte);
    auto* data = rows.data_ptr<std::uint8_t>();
    sws_scale(scaler_.get(), frame.data, frame.linesize, 0, frame.height, &data, &row_bytes);
    return rows.slice(0, 0, frame.height)
        .slice(1, 0, frame.width * 3)
        .reshape({frame.height, frame.width, 3})
        .contiguous();
  }

  std::filesystem::path path_;
  std::unique_ptr<AVFormatContext, CloseInput> format_;
  std::unique_ptr<AVCodecContext, FreeAv> codec_;
  std::unique_ptr<AVPacket, FreeAv> packet_{av_packet_alloc()};
  std::unique_ptr<SwsContext, FreeScaler> scaler_;  ///< the last frame's, kept for the next
  std::unique_ptr<AVFrame, FreeAv> frame_{av_frame_alloc()};
  int stream_ = 0;
  bool bt709_ = false;
};

}  // namespace

Video read_video(const std::filesystem::path& path) { return Decoder(path).decode(); }

}  // namespace chitu::io
