#pragma once

#include <ATen/core/Tensor.h>

#include <string>
#include <string_view>
#include <vector>

#include "pipelines/compare/frame_comparison.h"

namespace chitu::pipelines::html {

/// Text with the characters that mean something in HTML and XML escaped, quotes included, and
/// without control characters.
std::string escaped(std::string_view text);

/// A whole page that needs no other file.
std::string page(std::string_view title, std::string_view body);

/// A table; the first row is its head.
std::string table(const std::vector<std::vector<std::string>>& rows);

/// A picture, [H, W, 3] uint8, inside the page. Small ones are shown enlarged, pixel by pixel.
std::string picture(const at::Tensor& image, std::string_view caption);

/// Two clips, [T, H, W, 3] uint8, and how they differ.
struct ClipPair {
  const at::Tensor &a, &b;
  const std::vector<FrameDifference>& frames;
  std::string name_a, name_b;
  std::vector<std::int64_t> numbers{};  ///< of the frames, where these are not all of a clip
};

/// At most `most` frames, the worst first: both beside each other and their difference, with PSNR
/// and SSIM.
std::string frame_pairs(const ClipPair& clips, std::size_t most);

}  // namespace chitu::pipelines::html
