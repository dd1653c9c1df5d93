#include "chitu_core/models/wan/vae_decoder.h"

#include <ATen/ATen.h>

#include <string>
#include <utility>

namespace chitu::models {
namespace {

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
      conv_out_(highest_channels(config), 3, 3, 3) {
  add_child("conv_in", conv_in_);
  add_child("mid_block", mid_block_);
  std::int64_t channels = lowest_channels(config);
  // dim_mult runs from full resolution down, the decoder from low resolution up.
  for (std::size_t level = config.dim_mult.size(); level-- > 0;) {
    const std::int64_t out = config.base_dim * config.dim_mult[level];
    auto upsampling = WanUpsampling::none;
    if (level > 0)
      upsampling = config.temperal_downsample[level - 1] ? WanUpsampling::spatial_temporal
                                                         : WanUpsampling::spatial;
    const std::size_t index = up_blocks_.size();
    up_blocks_.push_back(
        std::make_unique<WanUpBlock>(channels, out, config.num_res_blocks + 1, upsampling));
    add_child("up_blocks." + std::to_string(index), *up_blocks_.back());
    channels = out / 2;
  }
  add_child("norm_out", norm_out_);
  add_child("conv_out", conv_out_);
}

at::Tensor WanDecoder3d::low_resolution(const at::Tensor& x, nn::FeatureCache& cache) const {
  return mid_block_.forward(conv_in_.forward(x, cache), cache);
}

at::Tensor WanDecoder3d::high_resolution(at::Tensor hidden, nn::FeatureCache& cache,
                                         bool first_chunk, WanTileWindow* window) const {
  const std::vector<std::int64_t> halos = block_halos();
  for (std::size_t index = 0; index < up_blocks_.size(); ++index) {
    if (window) hidden = window->shrink_to(hidden, halos[index]);
    hidden = up_blocks_[index]->forward(std::move(hidden), cache, first_chunk, window);
  }
  auto input = conv_out_.window(hidden.sizes(), hidden.options(), cache);
  norm_out_.silu_into(hidden, input.frames);
  hidden.reset();
  const at::Tensor frames = conv_out_.forward(std::move(input), cache);
  return window ? window->shrink_to(frames, 0) : frames;
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
