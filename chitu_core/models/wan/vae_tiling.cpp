#include "chitu_core/models/wan/vae_tiling.h"

#include <ATen/ATen.h>
#include <fmt/format.h>

#include <vector>

#include "chitu_core/common/error.h"
#include "chitu_core/device/dry_run_repeats.h"
#include "chitu_core/models/wan/vae_chunks.h"
#include "chitu_core/models/wan/vae_tiles.h"

namespace chitu::models {
namespace {

/// Output of the low-resolution part for all frames: [B, T, h, w, C].
at::Tensor all_hidden(const AutoencoderKLWan& vae, const at::Tensor& latents, FrameSink& sink) {
  const at::Tensor input = vae.decoder_input(vae.denormalize(latents));
  nn::FeatureCache cache;
  at::Tensor hidden;
  const std::int64_t frames = input.size(1), most = vae.chunk_frames(input.size(2), input.size(3));
  for_each_chunk(frames, most, {&cache}, [&](std::int64_t first, std::int64_t count) {
    sink.check_stop();
    gather(hidden, vae.decoder().low_resolution(input.narrow(1, first, count), cache), first,
           frames);
  });
  return hidden;
}

/// The high-resolution part of one tile, for all frames.
void decode_tile(const AutoencoderKLWan& vae, const at::Tensor& hidden, const WanTile& tile,
                 FrameSink& sink) {
  const WanDecoder3d& decoder = vae.decoder();
  const std::int64_t factor = vae.config().spatial_factor();
  const auto [above, below, left, right] =
      window_around(tile, hidden.size(2), hidden.size(3), decoder.halo()).sides();
  const at::Tensor input = hidden.narrow(2, tile.top - above, above + tile.height + below)
                               .narrow(3, tile.left - left, left + tile.width + right);
  nn::FeatureCache cache;
  const std::int64_t most = vae.chunk_frames(input.size(2), input.size(3));
  for_each_chunk(input.size(1), most, {&cache}, [&](std::int64_t first, std::int64_t count) {
    sink.check_stop();
    WanTileWindow window = window_around(tile, hidden.size(2), hidden.size(3), decoder.halo());
    const at::Tensor part = decoder.high_resolution(input.narrow(1, first, count).contiguous(),
                                                    cache, first == 0, &window);
    sink.give(vae.pictures(part), frames_before(first, vae.config().temporal_factor()),
              tile.top * factor, tile.left * factor);
  });
}

}  // namespace

void decode_exact_tiles(const AutoencoderKLWan& vae, const at::Tensor& latents,
                        std::int64_t tile_latents, FrameSink& sink, const TileShare& share) {
  if (tile_latents < kSmallestVaeTile)
    throw InputError(fmt::format("vae tiles: expected {} latents or more a side, got {}",
                                 kSmallestVaeTile, tile_latents));
  // One tile would hold as much as a whole decode, and the low-resolution output besides.
  const auto shape = vae.frames_shape(latents);
  const std::int64_t tile_pixels = tile_latents * vae.config().spatial_factor();
  if (shape[3] <= tile_pixels && shape[4] <= tile_pixels) return vae.decode(latents, sink);
  const at::Tensor hidden = all_hidden(vae, latents, sink);
  const std::int64_t height = hidden.size(2), width = hidden.size(3);
  const std::vector<WanTile> all = tiles_of(height, width, tile_latents);
  device::DryRunRepeats tiles;
  for (std::int64_t i = share.first; i < std::ssize(all); i += share.step) {
    const WanTile& tile = all[static_cast<std::size_t>(i)];
    tiles.run(tile_kind(tile, height, width, vae.decoder().halo()),
              [&] { decode_tile(vae, hidden, tile, sink); });
  }
}

at::Tensor decode_exact_tiles(const AutoencoderKLWan& vae, const at::Tensor& latents,
                              std::int64_t tile_latents) {
  WholeClip clip(vae.frames_shape(latents));
  decode_exact_tiles(vae, latents, tile_latents, clip);
  return clip.frames();
}

double recomputed_share(const AutoencoderKLWan& vae, std::int64_t height, std::int64_t width,
                        std::int64_t tile_latents) {
  double kept = 0, computed = 0;
  const std::vector<std::int64_t> halos = vae.decoder().block_halos();
  for (const WanTile& tile : tiles_of(height, width, tile_latents)) {
    WanTileWindow window = window_around(tile, height, width, halos.front());
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

}  // namespace chitu::models
