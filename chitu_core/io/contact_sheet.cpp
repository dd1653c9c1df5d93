#include "chitu_core/io/contact_sheet.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>

#include "chitu_core/io/frames.h"

namespace chitu::io {
namespace {

constexpr std::int64_t kBackground = 32;

/// Indices of at most `most` of `count` frames, the first and the last among them.
std::vector<std::int64_t> evenly_spaced(std::int64_t count, std::int64_t most) {
  const std::int64_t picked = std::clamp<std::int64_t>(most, 1, count);
  std::vector<std::int64_t> indices;
  for (std::int64_t i = 0; i < picked; ++i)
    indices.push_back(picked == 1 ? 0 : (i * (count - 1) + (picked - 1) / 2) / (picked - 1));
  return indices;
}

at::Tensor enlarged(const at::Tensor& frame, std::int64_t factor) {
  return frame.repeat_interleave(factor, 0).repeat_interleave(factor, 1);
}

/// Averages squares of factor x factor pixels and drops incomplete ones at the edges. A loop,
/// because libtorch's strided reductions take seconds for a clip.
at::Tensor reduced(const at::Tensor& frame, std::int64_t factor) {
  const std::int64_t height = frame.size(0) / factor, width = frame.size(1) / factor;
  const std::int64_t area = factor * factor, row_bytes = frame.size(1) * 3;
  const auto* pixels = frame.const_data_ptr<std::uint8_t>();
  at::Tensor result = at::empty({height, width, 3}, at::kByte);
  auto* out = result.data_ptr<std::uint8_t>();
  for (std::int64_t y = 0; y < height; ++y)
    for (std::int64_t i = 0; i < width * 3; ++i) {
      const std::uint8_t* corner = pixels + y * factor * row_bytes + i / 3 * factor * 3 + i % 3;
      std::int64_t sum = area / 2;  // rounds to the nearest
      for (std::int64_t dy = 0; dy < factor; ++dy)
        for (std::int64_t dx = 0; dx < factor; ++dx) sum += corner[dy * row_bytes + dx * 3];
      *out++ = static_cast<std::uint8_t>(sum / area);
    }
  return result;
}

at::Tensor resized(const at::Tensor& frame, const ContactSheetOptions& options) {
  const std::int64_t side = std::max(frame.size(0), frame.size(1));
  const std::int64_t shorter = std::min(frame.size(0), frame.size(1));
  if (side < options.smallest_side_px)
    return enlarged(frame, (options.smallest_side_px + side - 1) / side);
  const std::int64_t factor = (side + options.largest_side_px - 1) / options.largest_side_px;
  return factor > 1 ? reduced(frame, std::min(factor, shorter)) : frame;
}

}  // namespace

at::Tensor contact_sheet(const at::Tensor& frames, const ContactSheetOptions& options) {
  const at::Tensor clip = as_frames(frames, "contact sheet");
  std::vector<at::Tensor> tiles;
  for (const std::int64_t index : evenly_spaced(clip.size(0), options.most_frames))
    tiles.push_back(resized(clip[index], options));
  const auto count = static_cast<std::int64_t>(tiles.size());
  const std::int64_t height = tiles[0].size(0), width = tiles[0].size(1);
  // So many columns that the sheet is about square.
  const double square = std::sqrt(static_cast<double>(count * height) / static_cast<double>(width));
  const auto columns = std::clamp<std::int64_t>(std::llround(std::ceil(square - 1e-9)), 1, count);
  const std::int64_t rows = (count + columns - 1) / columns;
  const std::int64_t gap = options.gap_px;
  at::Tensor sheet = at::full({rows * (height + gap) + gap, columns * (width + gap) + gap, 3},
                              kBackground, at::kByte);
  for (std::int64_t i = 0; i < count; ++i) {
    const std::int64_t top = gap + i / columns * (height + gap);
    const std::int64_t left = gap + i % columns * (width + gap);
    sheet.slice(0, top, top + height)
        .slice(1, left, left + width)
        .copy_(tiles[static_cast<std::size_t>(i)]);
  }
  return sheet;
}

}  // namespace chitu::io
