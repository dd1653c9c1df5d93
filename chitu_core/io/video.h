#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>

namespace chitu::io {

enum class VideoFormat {
  mp4,  ///< H.264 where FFmpeg has libx264, else MPEG-4; 4:2:0, BT.709, ready for streaming
  gif,  ///< one palette of up to 256 colours for the whole clip
};

struct VideoOptions {
  std::int64_t width_px = 0;
  std::int64_t height_px = 0;
  double frames_per_second = 16;
  VideoFormat format = VideoFormat::mp4;
  std::string encoder;  ///< FFmpeg's name of one (mp4 only); empty takes the best there is
};

/// Writes a video frame by frame through FFmpeg's libraries. The same frames give the same bytes,
/// whatever the machine's threads. Odd sizes are made even in an mp4 by repeating the last row or
/// column.
///
/// The file is written under a temporary name and gets its own in finish(); a writer destroyed
/// before that leaves nothing behind. Every member throws InputError "<path>: cannot write:
/// <reason>" (a full disk, no permission, an encoder that refuses), and InputError for impossible
/// options.
class VideoWriter {
 public:
  VideoWriter(const std::filesystem::path& path, const VideoOptions& options);
  ~VideoWriter();
  VideoWriter(VideoWriter&&) noexcept;
  VideoWriter& operator=(VideoWriter&&) noexcept;

  /// One frame [H, W, 3] or several [T, H, W, 3], uint8 RGB. A GIF's frames are kept until
  /// finish() chooses its palette, so they must not be changed before.
  /// Throws ShapeError when they are not of the video's size.
  void add(const at::Tensor& frames);

  /// Completes the file. Call it once, after at least one frame.
  void finish();

  /// FFmpeg's name of the encoder in use: libx264, mpeg4, gif.
  const std::string& encoder() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace chitu::io
