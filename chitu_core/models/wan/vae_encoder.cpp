#include "chitu_core/models/wan/vae_encoder.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <string>
#include <utility>

namespace chitu::models {
namespace {

/// Frames are encoded together while an activation at full resolution has at most so many elements:
/// 256 MiB in float32. Depends only on shapes.
constexpr std::int64_t kPieceElements = 1 << 26;

std::int64_t channels_at(const WanVaeEncoderConfig& config, std::size_t level) {
  return config.base_dim * config.vae.dim_mult[level];
}

std::int64_t lowest_channels(const WanVaeEncoderConfig& config) {
  return channels_at(config, config.vae.dim_mult.size() - 1);
}

WanDownBlockSizes sizes_of(const WanVaeEncoderConfig& config, std::size_t level) {
  WanDownBlockSizes sizes;
  sizes.in_channels = level == 0 ? config.base_dim : channels_at(config, level - 1);
  sizes.channels = channels_at(config, level);
  sizes.num_resnets = config.vae.num_res_blocks;
  sizes.residual = config.vae.is_residual;
  if (level + 1 < config.vae.dim_mult.size())
    sizes.downsampling = config.vae.temperal_downsample[level] ? WanDownsampling::spatial_temporal
                                                               : WanDownsampling::spatial;
  return sizes;
}

}  // namespace

WanEncoder3d::WanEncoder3d(const WanVaeEncoderConfig& config)
    : conv_in_(config.vae.out_channels(), config.base_dim, 3, 3),
      mid_block_(lowest_channels(config)),
      norm_out_(lowest_channels(config), 3),
      conv_out_(lowest_channels(config), 2 * config.vae.z_dim, 3, 3) {
  add_child("conv_in", conv_in_);
  const auto add = [this](const std::string& name, memory::Module& module) {
    add_child(name, module);
  };
  std::int64_t number = 0;
  bool temporal = false;
  for (std::size_t level = 0; level < config.vae.dim_mult.size(); ++level) {
    const WanDownBlockSizes sizes = sizes_of(config, level);
    down_blocks_.push_back(std::make_unique<WanDownBlock>(sizes));
    if (config.vae.is_residual)
      down_blocks_.back()->add_nested("down_blocks." + std::to_string(level), add);
    else
      number = down_blocks_.back()->add_in_row(number, add);
    temporal = temporal || sizes.downsampling == WanDownsampling::spatial_temporal;
    if (!temporal) spatial_blocks_ = level + 1;
  }
  add_child("mid_block", mid_block_);
  add_child("norm_out", norm_out_);
  add_child("conv_out", conv_out_);
}

at::Tensor WanEncoder3d::high_resolution(const at::Tensor& x, nn::FeatureCache& cache,
                                         bool first_chunk, const WanTileWindow* window) const {
  std::optional<WanTileWindow> narrowed;
  if (window) narrowed = *window;
  WanTileWindow* const position = narrowed ? &*narrowed : nullptr;
  const std::int64_t frames = x.size(1), most = piece_frames(x);
  // Up to the first block that halves the frames, few can be encoded at a time: the activations of
  // the first block are by far the largest.
  const bool keeping = cache.keeping();
  at::Tensor hidden;
  std::optional<WanTileWindow> after;
  for (std::int64_t start = 0; start < frames; start += most) {
    const std::int64_t count = std::min(most, frames - start);
    cache.set_keeping(keeping || start + count < frames);
    std::optional<WanTileWindow> piece_window = narrowed;
    const at::Tensor piece = full_resolution(x.narrow(1, start, count), cache, first_chunk,
                                             piece_window ? &*piece_window : nullptr);
    after = piece_window;
    if (count == frames) {
      hidden = piece;
      break;
    }
    if (!hidden.defined()) {
      std::vector<std::int64_t> sizes = piece.sizes().vec();
      sizes[1] = frames;
      hidden = at::empty(sizes, piece.options());
    }
    hidden.narrow(1, start, count).copy_(piece);
  }
  cache.set_keeping(keeping);
  if (position) *position = *after;
  return run_blocks(std::move(hidden), spatial_blocks_, down_blocks_.size(), cache, first_chunk,
                    position);
}

at::Tensor WanEncoder3d::full_resolution(const at::Tensor& x, nn::FeatureCache& cache,
                                         bool first_chunk, WanTileWindow* window) const {
  at::Tensor hidden = conv_in_.forward(x, cache);
  if (window) hidden = window->shrink_to(hidden, window->halo() - 1);
  return run_blocks(std::move(hidden), 0, spatial_blocks_, cache, first_chunk, window);
}

at::Tensor WanEncoder3d::low_resolution(at::Tensor hidden, nn::FeatureCache& cache) const {
  hidden = mid_block_.forward(std::move(hidden), cache);
  auto input = conv_out_.window(hidden.sizes(), hidden.options(), cache);
  norm_out_.silu_into(hidden, input.frames);
  hidden.reset();
  return conv_out_.forward(std::move(input), cache);
}

at::Tensor WanEncoder3d::run_blocks(at::Tensor hidden, std::size_t first, std::size_t end,
                                    nn::FeatureCache& cache, bool first_chunk,
                                    WanTileWindow* window) const {
  for (std::size_t index = first; index < end; ++index)
    hidden = down_blocks_[index]->forward(std::move(hidden), cache, first_chunk, window);
  return hidden;
}

std::int64_t WanEncoder3d::piece_frames(const at::Tensor& x) const {
  if (spatial_blocks_ == 0) return x.size(1);
  const std::int64_t frame = x.size(2) * x.size(3) * conv_out_.in_channels();
  const std::int64_t frames = std::max<std::int64_t>(1, kPieceElements / frame);
  return frames > 1 ? frames / 2 * 2 : 1;  // the convolution over pairs takes even numbers
}

std::vector<std::int64_t> WanEncoder3d::block_halos() const {
  std::vector<std::int64_t> halos(down_blocks_.size());
  std::int64_t halo = 0;
  for (std::size_t index = down_blocks_.size(); index-- > 0;)
    halos[index] = halo = down_blocks_[index]->input_halo(halo);
  return halos;
}

std::int64_t WanEncoder3d::halo() const { return block_halos().front() + 1; }

}  // namespace chitu::models
