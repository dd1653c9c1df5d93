#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

#include "chitu_core/models/wan/vae_config.h"

namespace chitu::models {

/// Latents in the form that the transformer takes: 2 x 2 of them in each token, channel by channel.
///
/// latents  [B, C, h, w], h and w even
/// returns  [B, h / 2 * w / 2, 4 C]
at::Tensor pack_latents(const at::Tensor& latents);

/// Undoes pack_latents(), for the VAE.
///
/// packed   [B, height / 2 * width / 2, 4 C]
/// height, width  of the latents
/// returns  [B, C, 1, height, width]
at::Tensor unpack_latents(const at::Tensor& packed, std::int64_t height, std::int64_t width);

/// The guidance of Qwen-Image: classifier_free_guidance(), rescaled so that every token has the
/// length that it has in `cond`.
///
/// Parameters as classifier_free_guidance(), [B, L, C]. Source: diffusers, QwenImagePipeline.
at::Tensor rescaled_guidance(const at::Tensor& cond, const at::Tensor& uncond,
                             double guidance_scale);

/// vae/config.json of AutoencoderKLQwenImage, whose architecture is that of the Wan 2.1
/// autoencoder.
///
/// throws  InputError as WanVaeConfig::from_json()
WanVaeConfig qwen_image_vae_config(const io::JsonObject& json);

}  // namespace chitu::models
