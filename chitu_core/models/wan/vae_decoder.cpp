#include "chitu_core/models/wan/vae_decoder.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace chitu::models {
namespace {

/// Frames are decoded together while an activation at full resolution has at most so many elements:
/// 256 MiB in float32. Small pictures lose no speed. Depends only on shapes.
constexpr std::int64_t kPieceElements = 1 << 26;

std::int64_t lowest_channels(const WanVaeConfig& config) {
  return config.base_dim * config.dim_mult.back();
}

std::int64_t highest_channels(const WanVaeConfig& config) {
  return config.base_dim * config.dim_mult.front();
}

}  // namespace

WanDecoder3d::WanDecoder3d(const WanVaeConfig& config)
    : conv_in_(config.z_dim, lowest_channels(config), 3, 3),
      mid_block_(lowest_channels(config)),
      norm_out_(highest_channels(config), 3),
      conv_out_(highest_channels(config), config.out_channels(), 3, 3) {
  add_child("conv_in", conv_in_);
  add_child("mid_block", mid_block_);
  std::int64_t channels = lowest_channels(config);
  // dim_mult runs from full resolution down, the decoder from low resolution up.
  for (std::size_t level = config.dim_mult.size(); level-- > 0;) {
    WanUpBlockSizes sizes;
    sizes.in_channels = channels;
    sizes.channels = config.base_dim * config.dim_mult[level];
    sizes.num_resnets = config.num_res_blocks + 1;
    sizes.residual = config.is_residual;
    sizes.out_channels = config.is_residual ? sizes.channels : sizes.channels / 2;
    if (level > 0)
      sizes.upsampling = config.temperal_downsample[level - 1] ? WanUpsampling::spatial_temporal
                                                               : WanUpsampling::spatial;
    const std::size_t index = up_blocks_.size();
    up_blocks_.push_back(std::make_unique<WanUpBlock>(sizes));
    add_child("up_blocks." + std::to_string(index), *up_blocks_.back());
    channels = sizes.out_channels;
    if (sizes.upsampling == WanUpsampling::spatial_temporal) temporal_blocks_ = index + 1;
  }
  add_child("norm_out", norm_out_);
  add_child("conv_out", conv_out_);
}

at::Tensor WanDecoder3d::low_resolution(const at::Tensor& x, nn::FeatureCache& cache) const {
  return mid_block_.forward(conv_in_.forward(x, cache), cache);
}

at::Tensor WanDecoder3d::high_resolution(at::Tensor hidden, nn::FeatureCache& cache,
                                         bool first_chunk, WanTileWindow* window) const {
  hidden = run_blocks(std::move(hidden), 0, temporal_blocks_, cache, first_chunk, window);
  const std::int64_t frames = hidden.size(1), most = piece_frames(hidden);
  // From here on the number of frames is fixed, so that few can be decoded at a time: the
  // activations of the last block are by far the largest.
  const bool keeping = cache.keeping();
  at::Tensor pictures;
  for (std::int64_t start = 0; start < frames; start += most) {
    const std::int64_t count = std::min(most, frames - start);
    cache.set_keeping(keeping || start + count < frames);
    std::optional<WanTileWindow> piece_window;
    if (window) piece_window = *window;
    at::Tensor piece = count == frames ? std::move(hidden) : hidden.narrow(1, start, count);
    piece = run_blocks(std::move(piece), temporal_blocks_, up_blocks_.size(), cache, first_chunk,
                       piece_window ? &*piece_window : nullptr);
    piece = finish(std::move(piece), cache, piece_window ? &*piece_window : nullptr);
    if (count == frames) return piece;
    if (!pictures.defined()) {
      std::vector<std::int64_t> sizes = piece.sizes().vec();
      sizes[1] = frames;
      pictures = at::empty(sizes, piece.options());
    }
    pictures.narrow(1, start, count).copy_(piece);
  }
  return pictures;
}

at::Tensor WanDecoder3d::chunk(const at::Tensor& x, nn::FeatureCache& low_cache,
                               nn::FeatureCache& high_cache, bool first_chunk) const {
  at::Tensor hidden = low_resolution(x, low_cache);
  return high_resolution(std::move(hidden), high_cache, first_chunk);
}

at::Tensor WanDecoder3d::run_blocks(at::Tensor hidden, std::size_t first, std::size_t end,
                                    nn::FeatureCache& cache, bool first_chunk,
                                    WanTileWindow* window) const {
  const std::vector<std::int64_t> halos = block_halos();
  for (std::size_t index = first; index < end; ++index) {
    if (window) hidden = window->shrink_to(hidden, halos[index]);
    hidden = up_blocks_[index]->forward(std::move(hidden), cache, first_chunk, window);
  }
  return hidden;
}

at::Tensor WanDecoder3d::finish(at::Tensor hidden, nn::FeatureCache& cache,
                                WanTileWindow* window) const {
  auto input = conv_out_.window(hidden.sizes(), hidden.options(), cache);
  norm_out_.silu_into(hidden, input.frames);
  hidden.reset();
  const at::Tensor frames = conv_out_.forward(std::move(input), cache);
  return window ? window->shrink_to(frames, 0) : frames;
}

std::int64_t WanDecoder3d::piece_frames(const at::Tensor& hidden) const {
  // Every block but the last doubles height and width.
  const std::int64_t scale = std::int64_t{1} << (up_blocks_.size() - 1 - temporal_blocks_);
  const std::int64_t frame =
      hidden.size(2) * scale * hidden.size(3) * scale * conv_out_.in_channels();
  const std::int64_t frames = std::max<std::int64_t>(1, kPieceElements / frame);
  return frames > 1 ? frames / 2 * 2 : 1;  // the convolution over pairs takes even numbers
}

std::vector<std::int64_t> WanDecoder3d::block_halos() const {
  std::vector<std::int64_t> halos(up_blocks_.size());
  std::int64_t halo = 1;  // conv_out
  for (std::size_t index = up_blocks_.size(); index-- > 0;)
    halos[index] = halo = up_blocks_[index]->input_halo(halo);
  return halos;
}

std::int64_t WanDecoder3d::halo() const { return block_halos().front(); }

}  // namespace chitu::models
