#include "chitu_core/io/read_video.h"

#include <ATen/ATen.h>

#include "chitu_core/common/error.h"

extern "C" {
#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>
#include <libswscale/swscale.h>
}

namespace chitu::io {
namespace {

int check(int result) {
  if (result < 0) throw Error("cannot decode");
  return result;
}

/// [H, W, 3] of a decoded frame, by BT.709 in limited range where it is YUV.
at::Tensor rgb(const AVFrame& frame) {
  SwsContext* context = sws_getContext(
      frame.width, frame.height, static_cast<AVPixelFormat>(frame.format), frame.width,
      frame.height, AV_PIX_FMT_RGB24, SWS_BICUBIC | SWS_ACCURATE_RND | SWS_FULL_CHR_H_INT, nullptr,
      nullptr, nullptr);
  const int* bt709 = sws_getCoefficients(SWS_CS_ITU709);
  sws_setColorspaceDetails(context, bt709, 0, bt709, 1, 0, 1 << 16, 1 << 16);
  // The library writes whole vectors; a row of its own size keeps it inside.
  const int row_bytes = (frame.width * 3 + 63) / 64 * 64;
  at::Tensor rows = at::empty({frame.height + 1, row_bytes}, at::kByte);
  auto* data = rows.data_ptr<std::uint8_t>();
  sws_scale(context, frame.data, frame.linesize, 0, frame.height, &data, &row_bytes);
  sws_freeContext(context);
  return rows.slice(0, 0, frame.height)
      .slice(1, 0, frame.width * 3)
      .reshape({frame.height, frame.width, 3})
      .contiguous();
}

}  // namespace

Video read_video(const std::filesystem::path& path) {
  AVFormatContext* format = nullptr;
  check(avformat_open_input(&format, path.c_str(), nullptr, nullptr));
  check(avformat_find_stream_info(format, nullptr));
  const int stream = check(av_find_best_stream(format, AVMEDIA_TYPE_VIDEO, -1, -1, nullptr, 0));
  const AVCodec* codec = avcodec_find_decoder(format->streams[stream]->codecpar->codec_id);
  AVCodecContext* context = avcodec_alloc_context3(codec);
  check(avcodec_parameters_to_context(context, format->streams[stream]->codecpar));
  check(avcodec_open2(context, codec, nullptr));
  std::vector<at::Tensor> frames;
  AVPacket* packet = av_packet_alloc();
  AVFrame* frame = av_frame_alloc();
  Video video;
  bool more = true;
  while (more) {
    more = av_read_frame(format, packet) >= 0;
    if (more && packet->stream_index != stream) continue;
    check(avcodec_send_packet(context, more ? packet : nullptr));
    av_packet_unref(packet);
    while (avcodec_receive_frame(context, frame) >= 0) {
      frames.push_back(rgb(*frame));
      video.bt709 = frame->colorspace == AVCOL_SPC_BT709 && frame->color_range == AVCOL_RANGE_MPEG;
    }
  }
  video.codec = codec->name;
  video.frames_per_second = av_q2d(format->streams[stream]->avg_frame_rate);
  video.frames = at::stack(frames);
  av_packet_free(&packet);
  av_frame_free(&frame);
  avcodec_free_context(&context);
  avformat_close_input(&format);
  return video;
}

}  // namespace chitu::io
