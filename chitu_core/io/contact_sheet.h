#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

namespace chitu::io {

struct ContactSheetOptions {
  std::int64_t most_frames = 25;        ///< a longer clip is sampled evenly
  std::int64_t smallest_side_px = 160;  ///< smaller frames are enlarged at least to this
  std::int64_t largest_side_px = 480;   ///< larger frames are reduced at most to this
  std::int64_t gap_px = 4;
};

/// One picture with a clip's frames in reading order. Frames are enlarged (pixels repeated) or
/// reduced (pixels averaged) by an integer factor that depends on their longer side.
///
/// frames   [T, H, W, 3] uint8 RGB
/// returns  [H', W', 3] uint8 RGB, dark between and around the frames
/// throws   ShapeError for anything else
at::Tensor contact_sheet(const at::Tensor& frames, const ContactSheetOptions& options = {});

}  // namespace chitu::io
