#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

#include "chitu_core/models/wan/vae.h"

namespace chitu::models {

/// Smallest side of an exact tile, in latents: below it nearly all work is halo.
constexpr std::int64_t kSmallestVaeTile = 8;

/// Decodes in tiles without seams: the low-resolution part, whose attention sees the whole frame,
/// runs whole; the rest is local and runs tile after tile, each with a halo as wide as its
/// receptive field, which shrinks as the resolution grows. Equal to AutoencoderKLWan::decode up to
/// rounding (above 120 dB in float32). Activations and caches are those of one tile.
///
/// latents       as AutoencoderKLWan::decode
/// tile_latents  side of a tile without its halo
/// returns       as AutoencoderKLWan::decode
/// throws        InputError when tile_latents is below kSmallestVaeTile; ShapeError as decode
at::Tensor decode_exact_tiles(const AutoencoderKLWan& vae, const at::Tensor& latents,
                              std::int64_t tile_latents);

/// The share of positions that exact tiles compute more than once, over all resolutions weighted by
/// their pixels: 1 means that as much is recomputed as is kept.
///
/// height, width  of the latents
double recomputed_share(const AutoencoderKLWan& vae, std::int64_t height, std::int64_t width,
                        std::int64_t tile_latents);

/// Overlapping tiles whose borders are blended, in pixels; the defaults are those of diffusers.
struct WanBlendedTiles {
  std::int64_t height = 256;
  std::int64_t width = 256;
  std::int64_t stride_height = 192;  ///< from one tile to the next; the rest overlaps
  std::int64_t stride_width = 192;
};

/// Decodes in blended tiles as AutoencoderKLWan.tiled_decode of diffusers does, with its numbers:
/// each tile's attention sees that tile alone, so the result differs from decode() visibly. Clips
/// that are not larger than a tile decode whole.
///
/// throws  InputError when a stride or size is no positive multiple of the pixels of a latent, or
///         a stride is larger than its tile; ShapeError as decode
at::Tensor decode_blended_tiles(const AutoencoderKLWan& vae, const at::Tensor& latents,
                                const WanBlendedTiles& tiles);

}  // namespace chitu::models
