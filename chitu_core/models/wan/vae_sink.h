#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <utility>
#include <vector>

namespace chitu::models {

/// A part of a decoded clip in its final values.
struct DecodedPart {
  at::Tensor frames;               ///< [B, 3, F, h, w] in -1..1, as the decoder's weights are held
  std::int64_t frame = 0;          ///< the first of them in the clip
  std::int64_t top = 0, left = 0;  ///< pixels from the edges of the pictures

  /// The view of `clip` that the part fills. The clip's frames, rows and columns lie along
  /// dimension frame_dim and the two after it; the others are whole.
  at::Tensor place_in(const at::Tensor& clip, std::int64_t frame_dim) const;
};

/// Takes a clip part by part while it is decoded, so that nobody needs to hold it whole on the
/// device. Parts come in any order and cover every pixel of every frame exactly once; the decoder
/// keeps nothing of a part that it gave.
class FrameSink {
 public:
  virtual ~FrameSink() = default;
  /// For the decoder: gives a part [B, F, h, w, 3] as it comes, which is clamped in place. Frame,
  /// top and left as in DecodedPart.
  void give(const at::Tensor& decoded, std::int64_t frame, std::int64_t top = 0,
            std::int64_t left = 0);

  virtual void take(const DecodedPart& part) = 0;
  /// Sees every part [B, F, h, w, 3] before its values are clamped. Throws to end the decode.
  virtual void check(const at::Tensor& /*decoded*/) {}
  /// Called before every chunk of work, also where that gives no part. Throws to end the decode.
  virtual void check_stop() {}
};

/// Puts a clip together where it is decoded, for callers that want it whole.
class WholeClip final : public FrameSink {
 public:
  /// shape  [B, 3, F, H, W] of the clip
  explicit WholeClip(std::vector<std::int64_t> shape) : shape_(std::move(shape)) {}

  void take(const DecodedPart& part) override;
  /// As the parts, with the channels last in memory; undefined before the first.
  const at::Tensor& frames() const { return frames_; }

 private:
  std::vector<std::int64_t> shape_;
  at::Tensor frames_;
};

}  // namespace chitu::models
