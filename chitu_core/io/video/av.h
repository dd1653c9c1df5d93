#pragma once

#include <string>

struct AVCodecContext;
struct AVFormatContext;
struct AVFrame;
struct AVPacket;

namespace chitu::io {

/// Frees objects of FFmpeg's libraries; a format context is one that is written.
struct FreeAv {
  void operator()(AVCodecContext* context) const;
  void operator()(AVFormatContext* context) const;
  void operator()(AVFrame* frame) const;
  void operator()(AVPacket* packet) const;
};

/// Sends FFmpeg's messages to the logger chitu.io instead of standard error, from the first call
/// on.
void redirect_av_messages();

/// The text of an error code of FFmpeg.
std::string av_reason(int code);

}  // namespace chitu::io
