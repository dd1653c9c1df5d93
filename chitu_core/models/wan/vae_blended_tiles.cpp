#include "chitu_core/models/wan/vae_blended_tiles.h"

#include <ATen/ATen.h>
#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <optional>
#include <utility>
#include <vector>

#include "chitu_core/common/error.h"
#include "chitu_core/device/dry_run_repeats.h"
#include "chitu_core/models/wan/vae_chunks.h"

namespace chitu::models {
namespace {

/// A part of a picture, in latents.
struct Tile {
  std::int64_t top, left, height, width;
};

/// Blends the start of each chunk of a tile along a dimension with the end of its neighbour, in
/// place.
class Seam {
 public:
  /// end     [B, F, H, W, C] of the neighbour, all frames
  /// extent  of the tile along `dim`: a tile smaller than the end blends with as much of it
  Seam(const at::Tensor& end, std::int64_t dim, std::int64_t extent)
      : dim_(dim), extent_(std::min(end.size(dim), extent)) {
    end_ = end.narrow(dim, end.size(dim) - extent_, extent_);
    if (extent_ == 0) return;
    std::vector<std::int64_t> shape(static_cast<std::size_t>(end.dim()), 1);
    shape[static_cast<std::size_t>(dim)] = extent_;
    const at::Tensor share = (at::arange(extent_, at::kDouble) / extent_).view(shape);
    share_ = share.to(end.device(), end.scalar_type());
    rest_ = (1 - share).to(end.device(), end.scalar_type());
  }

  void blend(const at::Tensor& part, std::int64_t first_frame) const {
    if (extent_ == 0) return;
    at::Tensor start = part.narrow(dim_, 0, extent_);
    start.copy_(end_.narrow(1, first_frame, part.size(1)) * rest_ + start * share_);
  }

 private:
  std::int64_t dim_, extent_;
  at::Tensor end_, share_, rest_;
};

/// Tiles of the decoder's output: diffusers blends it before patches become pixels.
WanBlendedTiles in_positions(const WanBlendedTiles& tiles, const AutoencoderKLWan& vae) {
  const std::int64_t patch = vae.config().patch_size;
  return {tiles.height / patch, tiles.width / patch, tiles.stride_height / patch,
          tiles.stride_width / patch};
}

/// One decode in the tiles of diffusers. A tile's edges are kept, blended but not clamped: its
/// last rows for the tile below, its last columns for the one to the right.
class BlendedDecode {
 public:
  BlendedDecode(const AutoencoderKLWan& vae, at::Tensor input, const WanBlendedTiles& tiles,
                FrameSink& sink)
      : vae_(vae), input_(std::move(input)), tiles_(in_positions(tiles, vae)), sink_(sink) {}

  void run() {
    const std::int64_t factor = vae_.config().upsampling_factor();
    const std::int64_t down = tiles_.stride_height / factor, right = tiles_.stride_width / factor;
    std::vector<at::Tensor> above(static_cast<std::size_t>(1 + (input_.size(3) - 1) / right));
    device::DryRunRepeats tiles;
    for (std::int64_t top = 0; top < input_.size(2); top += down) {
      Edges edges;
      for (std::int64_t left = 0; left < input_.size(3); left += right) {
        at::Tensor& over = above[static_cast<std::size_t>(left / right)];
        const Tile tile = tile_at(top, left);
        const auto pass = [&](auto decode) {
          edges = decode();
          over = std::move(edges.rows);
        };
        tiles.run(
            kind_of(tile, over, edges.columns),
            [&] { pass([&] { return decode_tile(tile, over, edges.columns); }); },
            [&] { pass([&] { return empty_edges(tile); }); });
      }
    }
  }

 private:
  struct Edges {
    at::Tensor rows, columns;  ///< [B, F, H, W, C], undefined beside the picture's edge
  };

  Tile tile_at(std::int64_t top, std::int64_t left) const {
    const std::int64_t factor = vae_.config().upsampling_factor();
    return {top, left, std::min(tiles_.height / factor, input_.size(2) - top),
            std::min(tiles_.width / factor, input_.size(3) - left)};
  }

  Edges decode_tile(const Tile& tile, const at::Tensor& rows_above,
                    const at::Tensor& columns_before) const {
    const std::int64_t factor = vae_.config().upsampling_factor();
    const std::int64_t pixels = vae_.config().spatial_factor();
    std::optional<Seam> above, before;
    if (rows_above.defined()) above.emplace(rows_above, 2, tile.height * factor);
    if (columns_before.defined()) before.emplace(columns_before, 3, tile.width * factor);
    Edges edges;
    decode_alone(tile, [&](const at::Tensor& part, std::int64_t frame) {
      if (above) above->blend(part, frame);
      if (before) before->blend(part, frame);
      keep(edges, part, tile, frame);
      const at::Tensor shown = part.narrow(2, 0, std::min(part.size(2), tiles_.stride_height))
                                   .narrow(3, 0, std::min(part.size(3), tiles_.stride_width));
      sink_.give(vae_.pictures(shown), frame, tile.top * pixels, tile.left * pixels);
    });
    return edges;
  }

  /// Both parts of the decoder on the tile alone; calls visit(frames [B, F, H, W, C] not clamped,
  /// the first of them in the clip) for every chunk.
  void decode_alone(const Tile& tile,
                    const std::function<void(const at::Tensor&, std::int64_t)>& visit) const {
    const at::Tensor input =
        input_.narrow(2, tile.top, tile.height).narrow(3, tile.left, tile.width).contiguous();
    nn::FeatureCache low_cache, high_cache;
    const std::int64_t most = vae_.chunk_frames(tile.height, tile.width);
    const auto decode = [&](std::int64_t first, std::int64_t count) {
      sink_.check_stop();
      at::Tensor hidden = vae_.decoder().low_resolution(input.narrow(1, first, count), low_cache);
      visit(vae_.decoder().high_resolution(std::move(hidden), high_cache, first == 0),
            frames_before(first, vae_.config().temporal_factor()));
    };
    for_each_chunk(input.size(1), most, {&low_cache, &high_cache}, decode);
  }

  void keep(Edges& edges, const at::Tensor& part, const Tile& tile, std::int64_t frame) const {
    const std::int64_t frames = clip_frames();
    const auto keep_end = [&](at::Tensor& end, std::int64_t dim, std::int64_t overlap) {
      const std::int64_t extent = std::min(part.size(dim), overlap);
      gather(end, part.narrow(dim, part.size(dim) - extent, extent), frame, frames);
    };
    if (has_below(tile)) keep_end(edges.rows, 2, tiles_.height - tiles_.stride_height);
    if (has_right(tile)) keep_end(edges.columns, 3, tiles_.width - tiles_.stride_width);
  }

  /// The edges that keep() leaves of a tile, for a dry run that only counts it.
  Edges empty_edges(const Tile& tile) const {
    const std::int64_t factor = vae_.config().upsampling_factor();
    const std::int64_t height = tile.height * factor, width = tile.width * factor;
    const auto empty = [&](std::int64_t rows, std::int64_t columns) {
      return at::empty({input_.size(0), clip_frames(), rows, columns, vae_.config().out_channels()},
                       input_.options());
    };
    Edges edges;
    if (has_below(tile))
      edges.rows = empty(std::min(height, tiles_.height - tiles_.stride_height), width);
    if (has_right(tile))
      edges.columns = empty(height, std::min(width, tiles_.width - tiles_.stride_width));
    return edges;
  }

  /// A tile's size, the edges it blends with, and the edges it keeps.
  device::DryRunRepeats::Kind kind_of(const Tile& tile, const at::Tensor& above,
                                      const at::Tensor& before) const {
    return {tile.height,
            tile.width,
            above.defined() ? above.size(2) : 0,
            before.defined() ? before.size(3) : 0,
            has_below(tile) ? 1 : 0,
            has_right(tile) ? 1 : 0};
  }

  std::int64_t clip_frames() const {
    return frames_before(input_.size(1), vae_.config().temporal_factor());
  }
  bool has_below(const Tile& tile) const {
    return tile.top + tiles_.stride_height / vae_.config().upsampling_factor() < input_.size(2);
  }
  bool has_right(const Tile& tile) const {
    return tile.left + tiles_.stride_width / vae_.config().upsampling_factor() < input_.size(3);
  }

  const AutoencoderKLWan& vae_;
  at::Tensor input_;       ///< [B, T, h, w, z]
  WanBlendedTiles tiles_;  ///< in positions of the decoder's output
  FrameSink& sink_;
};

void check(const AutoencoderKLWan& vae, std::int64_t size, std::int64_t stride, const char* side) {
  const std::int64_t factor = vae.config().spatial_factor();
  if (size < factor || size % factor != 0 || stride < factor || stride % factor != 0)
    throw InputError(
        fmt::format("vae tiles: expected a {} and a stride that are multiples of {} "
                    "pixels, got {} and {}",
                    side, factor, size, stride));
  if (stride > size)
    throw InputError(fmt::format("vae tiles: expected a stride of at most the {} {}, got {}", side,
                                 size, stride));
}

}  // namespace

void decode_blended_tiles(const AutoencoderKLWan& vae, const at::Tensor& latents,
                          const WanBlendedTiles& tiles, FrameSink& sink) {
  check(vae, tiles.height, tiles.stride_height, "height");
  check(vae, tiles.width, tiles.stride_width, "width");
  const auto shape = vae.frames_shape(latents);
  if (shape[3] <= tiles.height && shape[4] <= tiles.width) return vae.decode(latents, sink);
  BlendedDecode(vae, vae.decoder_input(vae.denormalize(latents)), tiles, sink).run();
}

at::Tensor decode_blended_tiles(const AutoencoderKLWan& vae, const at::Tensor& latents,
                                const WanBlendedTiles& tiles) {
  WholeClip clip(vae.frames_shape(latents));
  decode_blended_tiles(vae, latents, tiles, clip);
  return clip.frames();
}

}  // namespace chitu::models
