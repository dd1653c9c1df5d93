#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

#include "chitu_core/models/wan/vae.h"
#include "chitu_core/models/wan/vae_sink.h"

namespace chitu::models {

/// Smallest side of an exact tile, in latents: below it, nearly all work is halo.
constexpr std::int64_t kSmallestVaeTile = 8;

/// Some of the tiles of a picture: every step-th, from the first on. Ranks that decode one clip
/// have a share each.
struct TileShare {
  std::int64_t first = 0, step = 1;
};

/// Decodes in tiles without seams. The low-resolution part, whose attention sees the whole frame,
/// runs whole. The rest is local and runs tile by tile, each with a halo as wide as its receptive
/// field; the halo shrinks as the resolution grows. Equal to AutoencoderKLWan::decode up to
/// rounding (above 120 dB in float32). Activations and caches are those of one tile; only the
/// low-resolution output is held for the whole clip. The sink gets every chunk of a tile.
///
/// latents       as AutoencoderKLWan::decode
/// tile_latents  most latents per side of a tile without its halo; a picture that fits in one tile
///               is decoded whole, whatever the share
/// share         the tiles that the sink gets
/// throws        InputError if tile_latents is below kSmallestVaeTile; ShapeError as decode; what
///               the sink throws
void decode_exact_tiles(const AutoencoderKLWan& vae, const at::Tensor& latents,
                        std::int64_t tile_latents, FrameSink& sink, const TileShare& share = {});
/// The same, assembled into one clip; returns as AutoencoderKLWan::decode.
at::Tensor decode_exact_tiles(const AutoencoderKLWan& vae, const at::Tensor& latents,
                              std::int64_t tile_latents);

/// The share of positions that exact tiles compute more than once, over all resolutions, weighted
/// by their pixels: 1 means as much recomputed as kept.
///
/// height, width  of the latents
double recomputed_share(const AutoencoderKLWan& vae, std::int64_t height, std::int64_t width,
                        std::int64_t tile_latents);

}  // namespace chitu::models
