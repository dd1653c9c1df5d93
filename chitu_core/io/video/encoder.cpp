#include "chitu_core/io/video/encoder.h"

#include <fmt/format.h>

#include <cmath>
#include <utility>

#include "chitu_core/common/error.h"
#include "chitu_core/common/system_limits.h"

extern "C" {
#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>
#include <libavutil/opt.h>
}

namespace chitu::io {
namespace {

/// x264's constant rate factor; 14 is visually lossless.
constexpr const char* kCrf = "14";
/// MPEG-4's quantiser, 1 (best) to 31.
constexpr int kMpeg4Quantiser = 2;
/// GIF counts time in hundredths of a second.
constexpr AVRational kGifTimeBase{1, 100};

AVRational frame_duration(const VideoOptions& options) {
  return av_inv_q(av_d2q(options.frames_per_second, 1001000));
}

}  // namespace

Encoder::Encoder(const std::filesystem::path& path, std::string target, const VideoOptions& options)
    : target_(std::move(target)), frame_(av_frame_alloc()), packet_(av_packet_alloc()) {
  redirect_av_messages();
  AVFormatContext* format = nullptr;
  const char* muxer = options.format == VideoFormat::gif ? "gif" : "mp4";
  // The muxer reads the file again at this path to move the index to the front.
  check(avformat_alloc_output_context2(&format, nullptr, muxer, path.c_str()),
        "choosing the format");
  format_.reset(format);
  format_->flags |= AVFMT_FLAG_BITEXACT;  // no date, no library version
  choose_codec(options);
  open_codec(options);
  open_file(path);
}

int Encoder::check(int result, const char* doing) const {
  if (result >= 0) return result;
  if (is_system_limit(AVUNERROR(result)))
    fail_system_call(fmt::format("{}: {}", target_, doing), AVUNERROR(result));
  throw InputError(fmt::format("{}: cannot write: {} ({})", target_, av_reason(result), doing));
}

void Encoder::choose_codec(const VideoOptions& options) {
  const AVCodec* codec = nullptr;
  if (options.format == VideoFormat::gif) {
    codec = avcodec_find_encoder(AV_CODEC_ID_GIF);
  } else if (!options.encoder.empty()) {
    codec = avcodec_find_encoder_by_name(options.encoder.c_str());
    if (codec == nullptr)
      throw InputError(target_ + ": FFmpeg has no encoder \"" + options.encoder + "\"");
  } else {
    codec = avcodec_find_encoder_by_name("libx264");
    if (codec == nullptr) codec = avcodec_find_encoder(AV_CODEC_ID_MPEG4);
  }
  if (codec == nullptr) check(AVERROR_ENCODER_NOT_FOUND, "choosing the encoder");
  name_ = codec->name;
  codec_.reset(avcodec_alloc_context3(codec));
}

void Encoder::open_codec(const VideoOptions& options) {
  const bool gif = options.format == VideoFormat::gif;
  codec_->width = static_cast<int>(options.width_px + (gif ? 0 : options.width_px % 2));
  codec_->height = static_cast<int>(options.height_px + (gif ? 0 : options.height_px % 2));
  codec_->pix_fmt = gif ? AV_PIX_FMT_PAL8 : AV_PIX_FMT_YUV420P;
  codec_->time_base = frame_duration(options);
  codec_->framerate = av_inv_q(codec_->time_base);
  codec_->thread_count = 1;  // x264's output depends on the number of threads
  codec_->flags |= AV_CODEC_FLAG_BITEXACT;
  if (format_->oformat->flags & AVFMT_GLOBALHEADER) codec_->flags |= AV_CODEC_FLAG_GLOBAL_HEADER;
  if (!gif) {
    codec_->colorspace = AVCOL_SPC_BT709;
    codec_->color_primaries = AVCOL_PRI_BT709;
    codec_->color_trc = AVCOL_TRC_BT709;
    codec_->color_range = AVCOL_RANGE_MPEG;
  }
  AVDictionary* codec_options = nullptr;
  if (name_ == "libx264") {
    av_dict_set(&codec_options, "crf", kCrf, 0);
    av_dict_set(&codec_options, "preset", "medium", 0);
    // Otherwise x264's output depends on the processor's vector instructions, and with AVX-512 even
    // on the content of freed memory.
    av_dict_set(&codec_options, "x264-params", "cpu-independent=1", 0);
  } else if (!gif) {
    codec_->flags |= AV_CODEC_FLAG_QSCALE;
    codec_->global_quality = FF_QP2LAMBDA * kMpeg4Quantiser;
  }
  const int opened = avcodec_open2(codec_.get(), codec_->codec, &codec_options);
  av_dict_free(&codec_options);
  check(opened, "opening the encoder");
  frame_->format = codec_->pix_fmt;
  frame_->width = codec_->width;
  frame_->height = codec_->height;
  check(av_frame_get_buffer(frame_.get(), 0), "allocating a frame");
}

void Encoder::open_file(const std::filesystem::path& path) {
  stream_ = avformat_new_stream(format_.get(), nullptr);
  if (stream_ == nullptr) check(AVERROR(ENOMEM), "adding the stream");
  const bool gif = codec_->codec_id == AV_CODEC_ID_GIF;
  stream_->time_base = gif ? kGifTimeBase : codec_->time_base;
  stream_->avg_frame_rate = codec_->framerate;
  check(avcodec_parameters_from_context(stream_->codecpar, codec_.get()), "describing the stream");
  check(avio_open(&format_->pb, path.c_str(), AVIO_FLAG_WRITE), "opening the file");
  AVDictionary* muxer_options = nullptr;
  if (!gif) av_dict_set(&muxer_options, "movflags", "+faststart", 0);
  const int written = avformat_write_header(format_.get(), &muxer_options);
  av_dict_free(&muxer_options);
  check(written, "writing the header");
}

AVFrame& Encoder::writable_frame() {
  check(av_frame_make_writable(frame_.get()), "allocating a frame");
  return *frame_;
}

void Encoder::encode_frame() {
  frame_->pts = frames_++;
  check(avcodec_send_frame(codec_.get(), frame_.get()), "encoding");
  drain(false);
}

void Encoder::drain(bool last) {
  while (true) {
    const int received = avcodec_receive_packet(codec_.get(), packet_.get());
    if (received == AVERROR_EOF || (received == AVERROR(EAGAIN) && !last)) return;
    check(received, "encoding");
    packet_->duration = 1;
    av_packet_rescale_ts(packet_.get(), codec_->time_base, stream_->time_base);
    packet_->stream_index = stream_->index;
    check(av_interleaved_write_frame(format_.get(), packet_.get()), "writing");
    check(format_->pb->error, "writing");
  }
}

void Encoder::finish() {
  check(avcodec_send_frame(codec_.get(), nullptr), "encoding");
  drain(true);
  check(av_write_trailer(format_.get()), "completing the file");
  avio_flush(format_->pb);
  check(format_->pb->error, "completing the file");
  check(avio_closep(&format_->pb), "closing the file");
}

}  // namespace chitu::io
