#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

namespace chitu::io {

struct ContactSheetOptions {
  std::int64_t most_frames = 25;        ///< of a longer clip, so many evenly spaced ones
  std::int64_t smallest_side_px = 160;  ///< smaller frames are enlarged to at least this
  std::int64_t largest_side_px = 480;   ///< larger ones are reduced to at most this
  std::int64_t gap_px = 4;
};

/// A clip's frames in reading order on one picture, so that a person sees it at a glance. Frames
/// are enlarged (pixels repeated) or reduced (pixels averaged) by a whole factor, by their longer
/// side.
///
/// frames   [T, H, W, 3] uint8 RGB
/// returns  [H', W', 3] uint8 RGB, dark between and around the frames
/// throws   ShapeError for anything else
at::Tensor contact_sheet(const at::Tensor& frames, const ContactSheetOptions& options = {});

}  // namespace chitu::io
