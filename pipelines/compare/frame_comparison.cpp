#include "pipelines/compare/frame_comparison.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <numeric>

#include "chitu_core/common/error.h"
#include "pipelines/compare/picture_quality.h"

namespace chitu::pipelines {
namespace {

at::Tensor distance(const at::Tensor& a, const at::Tensor& b) {
  return (a.to(at::kShort) - b.to(at::kShort)).abs_();
}

}  // namespace

FrameDifference compare_pictures(const at::Tensor& a, const at::Tensor& b) {
  FrameDifference difference;
  difference.psnr_db = psnr_db(a, b);  // checks the shapes
  if (a.size(0) >= kSsimWindow && a.size(1) >= kSsimWindow) difference.ssim = ssim(a, b);
  const at::Tensor distances = distance(a, b);
  difference.differing_pixels = distances.amax(-1).count_nonzero().item<std::int64_t>();
  difference.largest_difference = distances.max().item<int>();
  return difference;
}

std::vector<FrameDifference> compare_clips(const at::Tensor& a, const at::Tensor& b) {
  if (a.sizes() != b.sizes()) throw ShapeError("clips to compare: their shapes differ");
  std::vector<FrameDifference> frames;
  for (std::int64_t i = 0; i < a.size(0); ++i) frames.push_back(compare_pictures(a[i], b[i]));
  return frames;
}

FrameDifference worst_of(const std::vector<FrameDifference>& frames) {
  FrameDifference worst;
  for (const FrameDifference& frame : frames) {
    worst.psnr_db = std::min(worst.psnr_db, frame.psnr_db);
    if (frame.ssim) worst.ssim = std::min(worst.ssim.value_or(1), *frame.ssim);
    worst.differing_pixels += frame.differing_pixels;
    worst.largest_difference = std::max(worst.largest_difference, frame.largest_difference);
  }
  return worst;
}

std::vector<std::size_t> worst_frames(const std::vector<FrameDifference>& frames,
                                      std::size_t most) {
  std::vector<std::size_t> order(frames.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::ranges::stable_sort(order, {}, [&](std::size_t i) { return frames[i].psnr_db; });
  order.resize(std::min(order.size(), most));
  return order;
}

at::Tensor difference_picture(const at::Tensor& a, const at::Tensor& b) {
  const at::Tensor distances = distance(a, b).to(at::kInt);
  const int largest = std::max(1, distances.max().item<int>());
  return (distances * 255).div(largest, "floor").to(at::kByte);
}

}  // namespace chitu::pipelines
