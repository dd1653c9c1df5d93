#include "chitu_core/models/wan/vae.h"

#include <ATen/ATen.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "chitu_core/common/error.h"
#include "chitu_core/models/wan/vae_chunks.h"

namespace chitu::models {
namespace {

/// Chunks of frames grow until their largest activation has so many elements: 8 MiB in float32.
constexpr std::int64_t kChunkElements = 1 << 21;

void check_latents(const at::Tensor& latents, std::int64_t z_dim) {
  if (latents.dim() != 5 || latents.size(1) != z_dim || latents.numel() == 0)
    throw ShapeError(fmt::format("vae: expected latents [B, {}, T, h, w], got [{}]", z_dim,
                                 fmt::join(latents.sizes(), ", ")));
}

}  // namespace

AutoencoderKLWan::AutoencoderKLWan(const WanVaeConfig& config)
    : config_(config), post_quant_conv_(config.z_dim, config.z_dim, 3), decoder_(config) {
  add_child("post_quant_conv", post_quant_conv_);
  add_child("decoder", decoder_);
}

at::Tensor AutoencoderKLWan::denormalize(const at::Tensor& latents) const {
  check_latents(latents, config_.z_dim);
  const auto per_channel = [&](const std::vector<double>& values) {
    return at::tensor(values, at::kDouble)
        .to(at::kFloat)
        .view({1, config_.z_dim, 1, 1, 1})
        .to(latents.device());
  };
  // The reference divides by the reciprocal; multiplying would round differently.
  return (latents.to(at::kFloat) / per_channel(config_.latents_std).reciprocal())
      .add_(per_channel(config_.latents_mean));
}

at::Tensor AutoencoderKLWan::decoder_input(const at::Tensor& vae_input) const {
  return post_quant_conv_.forward(
      vae_input.permute({0, 2, 3, 4, 1}).contiguous().to(post_quant_conv_.dtype()));
}

std::vector<std::int64_t> AutoencoderKLWan::frames_shape(const at::Tensor& latents) const {
  check_latents(latents, config_.z_dim);
  return {latents.size(0), 3, 1 + (latents.size(2) - 1) * config_.temporal_factor(),
          latents.size(3) * config_.spatial_factor(), latents.size(4) * config_.spatial_factor()};
}

void AutoencoderKLWan::decode(const at::Tensor& latents, FrameSink& sink) const {
  const at::Tensor input = decoder_input(denormalize(latents));
  nn::FeatureCache low_cache, high_cache;
  const auto decode_chunk = [&](std::int64_t first, std::int64_t count) {
    sink.check_stop();
    sink.give(
        pictures(decoder_.chunk(input.narrow(1, first, count), low_cache, high_cache, first == 0)),
        frames_before(first, config_.temporal_factor()));
  };
  for_each_chunk(input.size(1), chunk_frames(input.size(2), input.size(3)),
                 {&low_cache, &high_cache}, decode_chunk);
  sink.check_stop();
}

at::Tensor AutoencoderKLWan::decode(const at::Tensor& latents) const {
  WholeClip clip(frames_shape(latents));
  decode(latents, clip);
  return clip.frames();
}

at::Tensor AutoencoderKLWan::pictures(const at::Tensor& decoded) const {
  const std::int64_t patch = config_.patch_size;
  if (patch == 1) return decoded;
  // The pixels of a patch are in the channels, column by column.
  return decoded.unflatten(-1, {3, patch, patch})
      .permute({0, 1, 2, 6, 3, 5, 4})
      .reshape(
          {decoded.size(0), decoded.size(1), decoded.size(2) * patch, decoded.size(3) * patch, 3});
}

std::int64_t AutoencoderKLWan::chunk_frames(std::int64_t height, std::int64_t width) const {
  const std::int64_t factor = config_.upsampling_factor();
  const std::int64_t pixels = height * width * factor * factor;
  const std::int64_t elements =
      pixels * config_.temporal_factor() * config_.base_dim * config_.dim_mult.front();
  return std::max<std::int64_t>(1, kChunkElements / elements);
}

at::Tensor frames_to_uint8(const at::Tensor& frames) {
  if (frames.dim() != 5 || frames.size(0) != 1 || frames.size(1) != 3)
    throw ShapeError(fmt::format("pictures: expected frames [1, 3, F, H, W], got [{}]",
                                 fmt::join(frames.sizes(), ", ")));
  at::Tensor x = frames[0].permute({1, 2, 3, 0}).to(at::kFloat).contiguous();
  x = x.div(2).add_(0.5).clamp_(0, 1).mul_(255).round_();  // at::round rounds half to even
  return x.to(at::kByte);
}

}  // namespace chitu::models
