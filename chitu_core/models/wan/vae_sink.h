#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <utility>
#include <vector>

namespace chitu::models {

/// A part of a decoded clip, with final values.
struct DecodedPart {
  at::Tensor frames;               ///< [B, 3, F, h, w] in -1..1, dtype of the decoder's weights
  std::int64_t frame = 0;          ///< index of the first of them in the clip
  std::int64_t top = 0, left = 0;  ///< pixels from the edges of the pictures

  /// The view of `clip` that the part fills. Frames, rows and columns are dimension frame_dim and
  /// the two after it; other dimensions are whole.
  at::Tensor place_in(const at::Tensor& clip, std::int64_t frame_dim) const;
};

/// Takes a clip part by part while it is decoded, so that it need not be whole on the device. Parts
/// come in any order and cover every pixel of every frame exactly once. The decoder keeps no part
/// that it has passed on.
class FrameSink {
 public:
  virtual ~FrameSink() = default;
  /// For the decoder: passes on a part [B, F, h, w, 3] and clamps it in place. Frame, top and left
  /// as in DecodedPart.
  void give(const at::Tensor& decoded, std::int64_t frame, std::int64_t top = 0,
            std::int64_t left = 0);

  virtual void take(const DecodedPart& part) = 0;
  /// Sees every part [B, F, h, w, 3] before its values are clamped. Throws to end the decode.
  virtual void check(const at::Tensor& /*decoded*/) {}
  /// Called before every chunk of work, even one without output. Throws to end the decode.
  virtual void check_stop() {}
};

/// Assembles a clip on the device that decodes it, for callers that want it whole.
class WholeClip final : public FrameSink {
 public:
  /// shape  [B, 3, F, H, W] of the clip
  explicit WholeClip(std::vector<std::int64_t> shape) : shape_(std::move(shape)) {}

  void take(const DecodedPart& part) override;
  /// The parts as one clip, channels last in memory; undefined before the first part.
  const at::Tensor& frames() const { return frames_; }

 private:
  std::vector<std::int64_t> shape_;
  at::Tensor frames_;
};

}  // namespace chitu::models
