#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <limits>
#include <optional>
#include <vector>

namespace chitu::pipelines {

/// How far two pictures of one size are apart.
struct FrameDifference {
  double psnr_db = std::numeric_limits<double>::infinity();
  std::optional<double> ssim{};  ///< empty for pictures below 11x11 pixels
  std::int64_t differing_pixels = 0;
  int largest_difference = 0;  ///< in any channel, 0 to 255

  bool identical() const { return differing_pixels == 0; }
};

/// a, b    [H, W, 3] uint8
/// throws  ShapeError when the sizes differ
FrameDifference compare_pictures(const at::Tensor& a, const at::Tensor& b);

/// Frame by frame; [T, H, W, 3] uint8.
///
/// throws  ShapeError when the shapes differ
std::vector<FrameDifference> compare_clips(const at::Tensor& a, const at::Tensor& b);

/// The figures of the worst frame for each measure, and the sum of differing pixels.
FrameDifference worst_of(const std::vector<FrameDifference>& frames);

/// The indices of at most `most` frames, those that differ most first; in order of time when fewer
/// differ.
std::vector<std::size_t> worst_frames(const std::vector<FrameDifference>& frames, std::size_t most);

/// |a - b|, [H, W, 3] uint8, scaled so that the largest difference is 255: one level shows.
at::Tensor difference_picture(const at::Tensor& a, const at::Tensor& b);

}  // namespace chitu::pipelines
