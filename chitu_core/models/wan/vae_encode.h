#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "chitu_core/memory/module.h"
#include "chitu_core/models/wan/vae_config.h"
#include "chitu_core/models/wan/vae_encoder.h"
#include "chitu_core/nn/conv.h"

namespace chitu::models {

/// A clip to encode. Its frames are made as they are needed.
struct WanClip {
  std::int64_t frames = 1, height = 0, width = 0;  ///< frames = 1 + k * the temporal factor
  /// Frames first to first + count, [1, count, H, W, 3] in -1..1 on the encoder's device.
  std::function<at::Tensor(std::int64_t first, std::int64_t count)> pictures;
  /// Called before every chunk of work. Throws to end it.
  std::function<void()> check_stop = [] {};
};

/// The encoder of the Wan autoencoder: pictures to latents. The decoder's weights may be in the
/// checkpoint and are not loaded.
///
/// Keys: encoder, quant_conv.
class AutoencoderKLWanEncoder : public memory::Module {
 public:
  explicit AutoencoderKLWanEncoder(const WanVaeEncoderConfig& config);

  const WanVaeEncoderConfig& config() const { return config_; }
  std::vector<std::string> unused_prefixes() const override {
    return {"decoder.", "post_quant_conv."};
  }

  /// The most likely latents of a clip, normalised for the transformer: (mean - latents_mean) /
  /// latents_std, in float32, in the reference's order of operations.
  ///
  /// returns  [1, z_dim, 1 + (F - 1) / temporal_factor, H / spatial_factor, W / spatial_factor]
  /// throws   ShapeError for a clip whose size does not fit these factors
  at::Tensor encode(const WanClip& clip) const;

  /// The same in tiles without seams. The high-resolution part is local and runs tile by tile, each
  /// with a halo as wide as its receptive field; the rest runs whole. Equal to encode() up to
  /// rounding (above 120 dB in float32). Activations and caches are those of one tile; only the
  /// output of the high-resolution part is held for the whole clip.
  ///
  /// tile_latents  most latents per side of a tile without its halo; a picture that fits in one
  ///               tile is encoded whole
  /// throws        InputError if tile_latents is below kSmallestVaeTile; ShapeError as encode()
  at::Tensor encode_exact_tiles(const WanClip& clip, std::int64_t tile_latents) const;

  const WanEncoder3d& encoder() const { return encoder_; }

 private:
  void check(const WanClip& clip) const;
  at::Tensor patches(const WanClip& clip, std::int64_t first_latent, std::int64_t count) const;
  at::Tensor tile_patches(const WanClip& clip, const WanTileWindow& window,
                          std::int64_t first_latent, std::int64_t count) const;
  void encode_tile(const WanClip& clip, const struct WanTile& tile, at::Tensor& hidden) const;
  at::Tensor normalized(const at::Tensor& moments) const;
  std::int64_t chunk_latents(std::int64_t height, std::int64_t width) const;
  std::int64_t latent_frames(const WanClip& clip) const {
    return 1 + (clip.frames - 1) / config_.vae.temporal_factor();
  }

  WanVaeEncoderConfig config_;
  WanEncoder3d encoder_;
  nn::PointwiseConv quant_conv_;
};

}  // namespace chitu::models
