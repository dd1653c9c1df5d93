#include "chitu_core/models/wan/vae_tiling.h"

#include <ATen/ATen.h>
#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <utility>
#include <vector>

#include "chitu_core/common/error.h"

namespace chitu::models {
namespace {

/// A part of a picture, in latents.
struct Tile {
  std::int64_t top, left, height, width;
};

std::vector<Tile> tiles_of(std::int64_t height, std::int64_t width, std::int64_t side) {
  std::vector<Tile> tiles;
  for (std::int64_t top = 0; top < height; top += side)
    for (std::int64_t left = 0; left < width; left += side)
      tiles.push_back({top, left, std::min(side, height - top), std::min(side, width - left)});
  return tiles;
}

WanTileWindow window_of(const Tile& tile, std::int64_t height, std::int64_t width,
                        std::int64_t halo) {
  return {tile.top, height - tile.top - tile.height, tile.left, width - tile.left - tile.width,
          halo};
}

/// Calls visit(first latent frame, number of them) for each chunk of the clip.
void for_each_chunk(std::int64_t frames, std::int64_t most,
                    const std::function<void(std::int64_t, std::int64_t)>& visit) {
  for (std::int64_t first = 0; first < frames;) {
    const std::int64_t count = first == 0 ? 1 : std::min(most, frames - first);
    visit(first, count);
    first += count;
  }
}

/// Frames before the latent frame `first`.
std::int64_t frames_before(std::int64_t first, std::int64_t factor) {
  return first == 0 ? 0 : 1 + (first - 1) * factor;
}

at::Tensor empty_frames(const AutoencoderKLWan& vae, const at::Tensor& input, std::int64_t height,
                        std::int64_t width) {
  const WanVaeConfig& config = vae.config();
  return at::empty({input.size(0), 1 + (input.size(1) - 1) * config.temporal_factor(),
                    height * config.spatial_factor(), width * config.spatial_factor(), 3},
                   input.options());
}

/// The low-resolution part over all frames: [B, T, h, w, C].
at::Tensor all_hidden(const AutoencoderKLWan& vae, const at::Tensor& input, std::int64_t most) {
  nn::FeatureCache cache;
  at::Tensor hidden;
  for_each_chunk(input.size(1), most, [&](std::int64_t first, std::int64_t count) {
    if (first + count == input.size(1)) cache.stop_keeping();
    const at::Tensor part = vae.decoder().low_resolution(input.narrow(1, first, count), cache);
    if (!hidden.defined()) {
      std::vector<std::int64_t> shape = part.sizes().vec();
      shape[1] = input.size(1);
      hidden = at::empty(shape, part.options());
    }
    hidden.narrow(1, first, count).copy_(part);
  });
  return hidden;
}

/// The high-resolution part of one tile over all frames, written into its place in `frames`.
void decode_tile(const AutoencoderKLWan& vae, const at::Tensor& hidden, const Tile& tile,
                 at::Tensor& frames) {
  const WanDecoder3d& decoder = vae.decoder();
  const std::int64_t factor = vae.config().spatial_factor();
  const auto [above, below, left, right] =
      window_of(tile, hidden.size(2), hidden.size(3), decoder.halo()).sides();
  const at::Tensor input = hidden.narrow(2, tile.top - above, above + tile.height + below)
                               .narrow(3, tile.left - left, left + tile.width + right);
  const at::Tensor place = frames.narrow(2, tile.top * factor, tile.height * factor)
                               .narrow(3, tile.left * factor, tile.width * factor);
  nn::FeatureCache cache;
  const std::int64_t most = vae.chunk_frames(input.size(2), input.size(3));
  for_each_chunk(input.size(1), most, [&](std::int64_t first, std::int64_t count) {
    if (first + count == input.size(1)) cache.stop_keeping();
    WanTileWindow window = window_of(tile, hidden.size(2), hidden.size(3), decoder.halo());
    const at::Tensor part = decoder.high_resolution(input.narrow(1, first, count).contiguous(),
                                                    cache, first == 0, &window);
    place.narrow(1, frames_before(first, vae.config().temporal_factor()), part.size(1))
        .copy_(part.clamp(-1, 1));
  });
}

/// A tile of diffusers: both parts on their own, not clamped. input [B, T, h, w, z].
at::Tensor decode_alone(const AutoencoderKLWan& vae, const at::Tensor& input) {
  at::Tensor frames = empty_frames(vae, input, input.size(2), input.size(3));
  nn::FeatureCache low_cache, high_cache;
  const std::int64_t most = vae.chunk_frames(input.size(2), input.size(3));
  for_each_chunk(input.size(1), most, [&](std::int64_t first, std::int64_t count) {
    if (first + count == input.size(1)) {
      low_cache.stop_keeping();
      high_cache.stop_keeping();
    }
    at::Tensor hidden = vae.decoder().low_resolution(input.narrow(1, first, count), low_cache);
    const at::Tensor part =
        vae.decoder().high_resolution(std::move(hidden), high_cache, first == 0);
    frames.narrow(1, frames_before(first, vae.config().temporal_factor()), part.size(1))
        .copy_(part);
  });
  return frames;
}

/// Blends the start of `tile` along `dim` with the end of its neighbour, in place.
void blend(const at::Tensor& neighbour, at::Tensor& tile, std::int64_t dim, std::int64_t extent) {
  extent = std::min({neighbour.size(dim), tile.size(dim), extent});
  if (extent == 0) return;
  std::vector<std::int64_t> shape(static_cast<std::size_t>(tile.dim()), 1);
  shape[static_cast<std::size_t>(dim)] = extent;
  const at::Tensor share = (at::arange(extent, at::kDouble) / extent).view(shape);
  const auto weight = [&](const at::Tensor& values) {
    return values.to(tile.device(), tile.scalar_type());
  };
  at::Tensor start = tile.narrow(dim, 0, extent);
  const at::Tensor end = neighbour.narrow(dim, neighbour.size(dim) - extent, extent);
  start.copy_(end * weight(1 - share) + start * weight(share));
}

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

at::Tensor decode_exact_tiles(const AutoencoderKLWan& vae, const at::Tensor& latents,
                              std::int64_t tile_latents) {
  if (tile_latents < kSmallestVaeTile)
    throw InputError(fmt::format("vae tiles: expected {} latents or more a side, got {}",
                                 kSmallestVaeTile, tile_latents));
  const at::Tensor input = vae.decoder_input(vae.denormalize(latents));
  const std::int64_t height = input.size(2), width = input.size(3);
  const at::Tensor hidden = all_hidden(vae, input, vae.chunk_frames(height, width));
  at::Tensor frames = empty_frames(vae, input, height, width);
  for (const Tile& tile : tiles_of(height, width, tile_latents))
    decode_tile(vae, hidden, tile, frames);
  return frames.permute({0, 4, 1, 2, 3});
}

double recomputed_share(const AutoencoderKLWan& vae, std::int64_t height, std::int64_t width,
                        std::int64_t tile_latents) {
  double kept = 0, computed = 0;
  const std::vector<std::int64_t> halos = vae.decoder().block_halos();
  for (const Tile& tile : tiles_of(height, width, tile_latents)) {
    WanTileWindow window = window_of(tile, height, width, halos.front());
    std::int64_t scale = 1;
    for (const std::int64_t halo : halos) {
      window.set_halo(halo);
      const auto [above, below, left, right] = window.sides();
      const auto rows = tile.height * scale, columns = tile.width * scale;
      kept += static_cast<double>(rows * columns);
      computed += static_cast<double>((rows + above + below) * (columns + left + right));
      window.enlarge();
      scale *= 2;
    }
  }
  return computed / kept - 1;
}

at::Tensor decode_blended_tiles(const AutoencoderKLWan& vae, const at::Tensor& latents,
                                const WanBlendedTiles& tiles) {
  check(vae, tiles.height, tiles.stride_height, "height");
  check(vae, tiles.width, tiles.stride_width, "width");
  const std::int64_t factor = vae.config().spatial_factor();
  const std::int64_t tile_rows = tiles.height / factor, tile_columns = tiles.width / factor;
  const at::Tensor input = vae.decoder_input(vae.denormalize(latents));
  const std::int64_t height = input.size(2), width = input.size(3);
  if (height <= tile_rows && width <= tile_columns) return vae.decode(latents);

  at::Tensor frames = empty_frames(vae, input, height, width);
  std::vector<at::Tensor> above;  // the row of tiles before this one, blended
  for (std::int64_t top = 0; top < height; top += tiles.stride_height / factor) {
    std::vector<at::Tensor> row;
    for (std::int64_t left = 0; left < width; left += tiles.stride_width / factor) {
      at::Tensor tile = decode_alone(vae, input.narrow(2, top, std::min(tile_rows, height - top))
                                              .narrow(3, left, std::min(tile_columns, width - left))
                                              .contiguous());
      if (top > 0) blend(above[row.size()], tile, 2, tiles.height - tiles.stride_height);
      if (left > 0) blend(row.back(), tile, 3, tiles.width - tiles.stride_width);
      const std::int64_t rows = std::min(tile.size(2), tiles.stride_height);
      const std::int64_t columns = std::min(tile.size(3), tiles.stride_width);
      frames.narrow(2, top * factor, rows)
          .narrow(3, left * factor, columns)
          .copy_(tile.narrow(2, 0, rows).narrow(3, 0, columns).clamp(-1, 1));
      row.push_back(std::move(tile));
    }
    above = std::move(row);
  }
  return frames.permute({0, 4, 1, 2, 3});
}

}  // namespace chitu::models
