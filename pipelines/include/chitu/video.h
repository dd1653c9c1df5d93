#pragma once

#include <cstdint>
#include <exception>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "chitu/request.h"
#include "pipelines/model/request.h"

namespace at {
class Tensor;
}

namespace chitu {

/// A folder that exists, and the formats and the name in which Video::save() writes the frames
/// there.
using pipelines::Output;
using pipelines::OutputFormat;

/// What an engine generated: frames in memory. Immutable: copies share the frames, and all members
/// are safe from several threads at once. It outlives its engine.
class Video {
 public:
  std::int64_t frame_count() const;
  std::int64_t height() const;  ///< pixels
  std::int64_t width() const;   ///< pixels
  double fps() const;           ///< frames per second, as the request says

  /// All frames, uint8 RGB, [F, H, W, 3] without gaps: channel c of the pixel in row y and column x
  /// of frame f is frames()[((f * H + y) * W + x) * 3 + c]. Valid as long as this Video or a copy.
  std::span<const std::uint8_t> frames() const&;
  std::span<const std::uint8_t> frames() const&& = delete;
  /// One frame, [H, W, 3].
  ///
  /// throws  std::out_of_range
  std::span<const std::uint8_t> frame(std::int64_t index) const&;
  std::span<const std::uint8_t> frame(std::int64_t index) const&& = delete;

  /// The same memory as a tensor, [F, H, W, 3] uint8 on the CPU. Include <ATen/core/Tensor.h> to
  /// use it. Do not write to it.
  at::Tensor tensor() const;
  /// The latents that the last denoising step left, [1, C, F, H, W] float32 on the CPU.
  at::Tensor latents() const;

  /// The request with everything filled in: generating it again gives the same bits.
  Request request() const;
  /// What was to be written beside the frames and could not be, such as an entry of the prompt
  /// cache. Usually empty.
  std::vector<std::string> problems() const;

  /// Writes one file, in the format of its extension: .mp4, .gif, or .png for a single frame. It is
  /// written under a temporary name and renamed when it is whole; an existing file is replaced.
  ///
  /// throws  InputError for another extension, several frames in a PNG, or a file that cannot be
  ///         written (no folder, no permission, full disk)
  void save(const std::filesystem::path& file) const;
  /// Writes into a folder that exists what the command would: video.mp4 and so on.
  ///
  /// returns  the files, the media first
  /// throws   InputError as above; SideOutputError when the first format is saved, and another one
  ///          or the contact sheet is not
  std::vector<std::filesystem::path> save(const Output& output) const;

 private:
  friend struct VideoAccess;
  struct Impl;
  explicit Video(std::shared_ptr<const Impl> impl);

  std::shared_ptr<const Impl> impl_;
};

/// What one request of Engine::generate_batch() came to.
class BatchResult {
 public:
  explicit BatchResult(Video video) : video_(std::move(video)) {}
  explicit BatchResult(std::exception_ptr error) : error_(std::move(error)) {}

  bool has_video() const { return video_.has_value(); }
  /// throws  what the request failed with, as Engine::generate() would
  const Video& video() const& {
    if (!video_) std::rethrow_exception(error_);
    return *video_;
  }

 private:
  std::optional<Video> video_;
  std::exception_ptr error_;
};

}  // namespace chitu
