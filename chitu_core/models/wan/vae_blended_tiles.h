#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

#include "chitu_core/models/wan/vae.h"
#include "chitu_core/models/wan/vae_sink.h"

namespace chitu::models {

/// Overlapping tiles whose borders are blended, in pixels; the defaults are those of diffusers.
struct WanBlendedTiles {
  std::int64_t height = 256;
  std::int64_t width = 256;
  std::int64_t stride_height = 192;  ///< distance between tiles; the rest overlaps
  std::int64_t stride_width = 192;
};

/// Decodes in blended tiles as AutoencoderKLWan.tiled_decode of diffusers does, with its numbers.
/// The attention of a tile sees only that tile, so the result differs visibly from decode(). Clips
/// that are not larger than a tile are decoded whole. Of finished tiles, only the edges that later
/// tiles blend with are kept. The sink gets every chunk of a tile, blended and without what later
/// tiles overlap.
///
/// throws  InputError when a stride or size is no positive multiple of the pixels of a latent, or
///         a stride is larger than its tile; ShapeError as decode; what the sink throws
void decode_blended_tiles(const AutoencoderKLWan& vae, const at::Tensor& latents,
                          const WanBlendedTiles& tiles, FrameSink& sink);
/// The same, assembled into one clip; returns as AutoencoderKLWan::decode.
at::Tensor decode_blended_tiles(const AutoencoderKLWan& vae, const at::Tensor& latents,
                                const WanBlendedTiles& tiles);

}  // namespace chitu::models
