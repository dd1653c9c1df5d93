#include "chitu_core/io/video/av.h"

#include <spdlog/spdlog.h>

#include <string_view>

#include "chitu_core/common/log.h"

extern "C" {
#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>
}

namespace chitu::io {
namespace {

void log_line(void* source, int level, const char* format, va_list arguments) {
  if (level > AV_LOG_WARNING) return;
  char line[1024];
  int print_prefix = 1;
  av_log_format_line2(source, level, format, arguments, line, sizeof line, &print_prefix);
  std::string_view text(line);
  while (text.ends_with('\n')) text.remove_suffix(1);
  logger("io")->debug("ffmpeg: {}", text);
}

}  // namespace

void FreeAv::operator()(AVCodecContext* context) const { avcodec_free_context(&context); }
void FreeAv::operator()(AVFrame* frame) const { av_frame_free(&frame); }
void FreeAv::operator()(AVPacket* packet) const { av_packet_free(&packet); }
void FreeAv::operator()(AVFormatContext* context) const {
  if (context->pb != nullptr) avio_closep(&context->pb);
  avformat_free_context(context);
}

void redirect_av_messages() {
  static const bool redirected = (av_log_set_callback(log_line), true);
  static_cast<void>(redirected);
}

std::string av_reason(int code) {
  char reason[AV_ERROR_MAX_STRING_SIZE] = "";
  av_strerror(code, reason, sizeof reason);
  return reason;
}

}  // namespace chitu::io
