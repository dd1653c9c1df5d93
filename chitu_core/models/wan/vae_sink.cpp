#include "chitu_core/models/wan/vae_sink.h"

#include <ATen/ATen.h>

namespace chitu::models {

at::Tensor DecodedPart::place_in(const at::Tensor& clip, std::int64_t frame_dim) const {
  return clip.narrow(frame_dim, frame, frames.size(2))
      .narrow(frame_dim + 1, top, frames.size(3))
      .narrow(frame_dim + 2, left, frames.size(4));
}

void FrameSink::give(const at::Tensor& decoded, std::int64_t frame, std::int64_t top,
                     std::int64_t left) {
  check(decoded);
  take({decoded.clamp_(-1, 1).permute({0, 4, 1, 2, 3}), frame, top, left});
}

void WholeClip::take(const DecodedPart& part) {
  if (part.frames.sizes() == at::IntArrayRef(shape_)) {
    frames_ = part.frames;
    return;
  }
  if (!frames_.defined())
    frames_ =
        at::empty({shape_[0], shape_[2], shape_[3], shape_[4], shape_[1]}, part.frames.options())
            .permute({0, 4, 1, 2, 3});
  part.place_in(frames_, 2).copy_(part.frames);
}

}  // namespace chitu::models
