#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>

#include "chitu_core/io/video.h"
#include "chitu_core/io/video/av.h"

struct AVStream;

namespace chitu::io {

template <typename T>
using AvPtr = std::unique_ptr<T, FreeAv>;

/// One video stream in one file, written with libavformat and libavcodec.
class Encoder {
 public:
  /// `path` is the file to write, `target` its name in messages.
  Encoder(const std::filesystem::path& path, std::string target, const VideoOptions& options);

  /// A frame in the encoder's format and size: fill it, then encode it. The encoder owns and reuses
  /// its buffers.
  AVFrame& writable_frame();
  void encode_frame();
  /// Drains the encoder, completes the file and closes it.
  void finish();

  const std::string& name() const { return name_; }

 private:
  void choose_codec(const VideoOptions& options);
  void open_codec(const VideoOptions& options);
  void open_file(const std::filesystem::path& path);
  void drain(bool last);
  int check(int result, const char* doing) const;

  std::string target_;
  std::string name_;
  AvPtr<AVFormatContext> format_;
  AvPtr<AVCodecContext> codec_;
  AvPtr<AVFrame> frame_;
  AvPtr<AVPacket> packet_;
  AVStream* stream_ = nullptr;  ///< owned by format_
  std::int64_t frames_ = 0;
};

}  // namespace chitu::io
