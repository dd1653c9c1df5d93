#include "chitu_core/models/wan/vae_encode.h"

#include <ATen/ATen.h>
#include <fmt/format.h>

#include <algorithm>

#include "chitu_core/common/error.h"
#include "chitu_core/device/dry_run_repeats.h"
#include "chitu_core/models/wan/vae_chunks.h"
#include "chitu_core/models/wan/vae_tiles.h"
#include "chitu_core/models/wan/vae_tiling.h"

namespace chitu::models {
namespace {

/// Chunks of frames grow until their largest activation has so many elements: 8 MiB in float32.
constexpr std::int64_t kChunkElements = 1 << 21;

}  // namespace

AutoencoderKLWanEncoder::AutoencoderKLWanEncoder(const WanVaeEncoderConfig& config)
    : config_(config),
      encoder_(config),
      quant_conv_(2 * config.vae.z_dim, 2 * config.vae.z_dim, 3) {
  add_child("encoder", encoder_);
  add_child("quant_conv", quant_conv_);
}

void AutoencoderKLWanEncoder::check(const WanClip& clip) const {
  const std::int64_t side = config_.vae.spatial_factor();
  if (clip.frames >= 1 && (clip.frames - 1) % config_.vae.temporal_factor() == 0 &&
      clip.height > 0 && clip.height % side == 0 && clip.width > 0 && clip.width % side == 0)
    return;
  throw ShapeError(fmt::format(
      "vae: expected a clip of {}k + 1 frames with sides that are multiples of {}, got {} of {}x{}",
      config_.vae.temporal_factor(), side, clip.frames, clip.width, clip.height));
}

/// The pictures of a chunk as the encoder reads them, [1, F, H / patch, W / patch, 3 * patch^2] in
/// its dtype. The pixels of a patch are in the channels, column by column.
at::Tensor AutoencoderKLWanEncoder::patches(const WanClip& clip, std::int64_t first_latent,
                                            std::int64_t count) const {
  clip.check_stop();
  const std::int64_t factor = config_.vae.temporal_factor(), patch = config_.vae.patch_size;
  const std::int64_t first = frames_before(first_latent, factor);
  const at::Tensor pictures =
      clip.pictures(first, first_latent == 0 ? 1 : count * factor).to(quant_conv_.dtype());
  if (patch == 1) return pictures;
  return pictures.unflatten(3, {-1, patch})
      .unflatten(2, {-1, patch})
      .permute({0, 1, 2, 4, 6, 5, 3})
      .flatten(4)
      .contiguous();
}

at::Tensor AutoencoderKLWanEncoder::normalized(const at::Tensor& moments) const {
  const std::int64_t z = config_.vae.z_dim;
  const auto per_channel = [&](const std::vector<double>& values) {
    return at::tensor(values, at::kDouble)
        .to(at::kFloat)
        .view({1, z, 1, 1, 1})
        .to(moments.device());
  };
  const at::Tensor mean =
      moments.narrow(-1, 0, z).to(at::kFloat).permute({0, 4, 1, 2, 3}).contiguous();
  // The reference multiplies by the reciprocal; dividing would round differently.
  return (mean - per_channel(config_.vae.latents_mean))
      .mul_(per_channel(config_.vae.latents_std).reciprocal());
}

std::int64_t AutoencoderKLWanEncoder::chunk_latents(std::int64_t height, std::int64_t width) const {
  const std::int64_t patch = config_.vae.patch_size;
  const std::int64_t elements = height / patch * (width / patch) * config_.vae.temporal_factor() *
                                config_.base_dim * config_.vae.dim_mult.front();
  return std::max<std::int64_t>(1, kChunkElements / elements);
}

at::Tensor AutoencoderKLWanEncoder::encode(const WanClip& clip) const {
  check(clip);
  nn::FeatureCache high_cache, low_cache;
  at::Tensor moments;
  const std::int64_t frames = latent_frames(clip);
  for_each_chunk(frames, chunk_latents(clip.height, clip.width), {&high_cache, &low_cache},
                 [&](std::int64_t first, std::int64_t count) {
                   const at::Tensor hidden = encoder_.high_resolution(patches(clip, first, count),
                                                                      high_cache, first == 0);
                   gather(moments, quant_conv_.forward(encoder_.low_resolution(hidden, low_cache)),
                          first, frames);
                 });
  return normalized(moments);
}

/// The part of the pictures that a tile with its halo covers.
at::Tensor AutoencoderKLWanEncoder::tile_patches(const WanClip& clip, const WanTileWindow& window,
                                                 std::int64_t first_latent,
                                                 std::int64_t count) const {
  const at::Tensor whole = patches(clip, first_latent, count);
  const auto distances = window.distances(), sides = window.sides();
  const auto part = [&](const at::Tensor& from, std::int64_t dim, std::size_t side) {
    const std::int64_t start = distances[side] - sides[side];
    const std::int64_t end = from.size(dim) - (distances[side + 1] - sides[side + 1]);
    return from.narrow(dim, start, end - start);
  };
  return part(part(whole, 2, 0), 3, 2).contiguous();
}

/// The high-resolution part of one tile, for all frames.
void AutoencoderKLWanEncoder::encode_tile(const WanClip& clip, const WanTile& tile,
                                          at::Tensor& hidden) const {
  const std::int64_t scale = config_.vae.upsampling_factor(), patch = config_.vae.patch_size;
  const WanTile enlarged{tile.top * scale, tile.left * scale, tile.height * scale,
                         tile.width * scale};
  const WanTileWindow window =
      window_around(enlarged, clip.height / patch, clip.width / patch, encoder_.halo());
  nn::FeatureCache cache;
  const std::int64_t frames = latent_frames(clip);
  for_each_chunk(frames, chunk_latents(enlarged.height * patch, enlarged.width * patch), {&cache},
                 [&](std::int64_t first, std::int64_t count) {
                   const at::Tensor part = encoder_.high_resolution(
                       tile_patches(clip, window, first, count), cache, first == 0, &window);
                   if (!hidden.defined())
                     hidden = at::empty({1, frames, clip.height / patch / scale,
                                         clip.width / patch / scale, part.size(-1)},
                                        part.options());
                   hidden.narrow(1, first, part.size(1))
                       .narrow(2, tile.top, tile.height)
                       .narrow(3, tile.left, tile.width)
                       .copy_(part);
                 });
}

at::Tensor AutoencoderKLWanEncoder::encode_exact_tiles(const WanClip& clip,
                                                       std::int64_t tile_latents) const {
  if (tile_latents < kSmallestVaeTile)
    throw InputError(fmt::format("vae tiles: expected {} latents or more a side, got {}",
                                 kSmallestVaeTile, tile_latents));
  check(clip);
  const std::int64_t factor = config_.vae.spatial_factor();
  const std::int64_t height = clip.height / factor, width = clip.width / factor;
  if (height <= tile_latents && width <= tile_latents) return encode(clip);
  at::Tensor hidden, moments;
  device::DryRunRepeats tiles;
  for (const WanTile& tile : tiles_of(height, width, tile_latents))
    tiles.run(tile_kind(tile, height, width, encoder_.halo() / config_.vae.upsampling_factor() + 1),
              [&] { encode_tile(clip, tile, hidden); });
  nn::FeatureCache cache;
  const std::int64_t frames = hidden.size(1);
  for_each_chunk(frames, chunk_latents(clip.height, clip.width), {&cache},
                 [&](std::int64_t first, std::int64_t count) {
                   clip.check_stop();
                   gather(moments,
                          quant_conv_.forward(encoder_.low_resolution(
                              hidden.narrow(1, first, count).contiguous(), cache)),
                          first, frames);
                 });
  return normalized(moments);
}

}  // namespace chitu::models
