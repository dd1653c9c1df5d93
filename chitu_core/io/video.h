#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>

namespace chitu::io {

enum class VideoFormat {
  mp4,  ///< H.264 if FFmpeg has libx264, else MPEG-4; 4:2:0, BT.709, index first
  gif,  ///< one palette of up to 256 colours for the whole clip
};

struct VideoOptions {
  std::int64_t width_px = 0;
  std::int64_t height_px = 0;
  double frames_per_second = 16;
  VideoFormat format = VideoFormat::mp4;
  std::string encoder;  ///< FFmpeg's name (mp4 only); empty = the best available
};

/// Writes a video frame by frame with FFmpeg's libraries. The same frames give the same bytes on
/// any number of threads. An mp4 has even sizes: an odd last row or column is repeated.
///
/// The file is written under a temporary name and renamed in finish(); a writer that is destroyed
/// earlier leaves no file. Every member throws InputError "<path>: cannot write: <reason>" (disk
/// full, no permission, an encoder error), and InputError for invalid options.
class VideoWriter {
 public:
  VideoWriter(const std::filesystem::path& path, const VideoOptions& options);
  ~VideoWriter();
  VideoWriter(VideoWriter&&) noexcept;
  VideoWriter& operator=(VideoWriter&&) noexcept;

  /// One frame [H, W, 3] or several [T, H, W, 3], uint8 RGB. For a GIF do not change them until
  /// finish(), which chooses the palette.
  /// Throws ShapeError if they do not have the video's size.
  void add(const at::Tensor& frames);

  /// Completes the file. Call it once, after at least one frame.
  void finish();

  /// FFmpeg's name of the encoder: libx264, mpeg4, gif.
  const std::string& encoder() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace chitu::io
