#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <string>
#include <vector>

#include "chitu_core/memory/module.h"
#include "chitu_core/models/wan/vae_config.h"
#include "chitu_core/models/wan/vae_decoder.h"
#include "chitu_core/models/wan/vae_sink.h"
#include "chitu_core/nn/conv.h"

namespace chitu::models {

/// The decoder of the Wan autoencoder: latents to pictures. The encoder's weights may be in the
/// checkpoint and are not loaded.
///
/// Keys: post_quant_conv, decoder.
class AutoencoderKLWan : public memory::Module {
 public:
  explicit AutoencoderKLWan(const WanVaeConfig& config);

  const WanVaeConfig& config() const { return config_; }
  std::vector<std::string> unused_prefixes() const override { return {"encoder.", "quant_conv."}; }

  /// Undoes the normalisation of the transformer's latents: latents / (1 / latents_std) +
  /// latents_mean, in float32, in the reference's order of operations.
  ///
  /// latents  [B, z_dim, T, h, w]; returns the same shape, float32
  /// throws   ShapeError if latents have another number of dimensions or channels, or no frames
  at::Tensor denormalize(const at::Tensor& latents) const;

  /// Shape [B, 3, F, H, W] of the clip that decode() returns for these latents.
  ///
  /// throws  ShapeError as denormalize()
  std::vector<std::int64_t> frames_shape(const at::Tensor& latents) const;

  /// Decodes a clip and passes every chunk of frames to the sink as soon as it is done.
  ///
  /// Parameters and errors as below; an exception of the sink ends the decode.
  void decode(const at::Tensor& latents, FrameSink& sink) const;

  /// Decodes a whole clip.
  ///
  /// latents  [B, z_dim, T, h, w] as the transformer returns them, on the weights' device
  /// returns  [B, 3, 1 + (T - 1) * temporal_factor, h * spatial_factor, w * spatial_factor] in
  ///          -1..1, the weights' dtype, with the channels last in memory
  /// throws   ShapeError as denormalize()
  at::Tensor decode(const at::Tensor& latents) const;

  /// The decoder's input, from denormalize()d latents: after post_quant_conv, channels last.
  ///
  /// vae_input  [B, z_dim, T, h, w]; returns [B, T, h, w, z_dim] in the weights' dtype
  at::Tensor decoder_input(const at::Tensor& vae_input) const;
  const WanDecoder3d& decoder() const { return decoder_; }

  /// What the decoder makes, as pictures.
  ///
  /// decoded  [B, F, H, W, 3 * patch_size^2]; returns [B, F, H * patch_size, W * patch_size, 3]
  at::Tensor pictures(const at::Tensor& decoded) const;

  /// Latent frames that one chunk of the decoder takes after the first: one where the pictures are
  /// large, more where they are so small that calls would cost more than arithmetic. Depends
  /// only on the size.
  std::int64_t chunk_frames(std::int64_t height, std::int64_t width) const;

 private:
  WanVaeConfig config_;
  nn::PointwiseConv post_quant_conv_;
  WanDecoder3d decoder_;
};

/// Pictures for a writer: round_half_even(clamp(x / 2 + 0.5, 0, 1) * 255), computed in float32.
///
/// frames  [1, 3, F, H, W] floating point, any strides
/// returns [F, H, W, 3] uint8, contiguous, on the same device
/// throws  ShapeError unless frames are one clip of three channels
at::Tensor frames_to_uint8(const at::Tensor& frames);

}  // namespace chitu::models
