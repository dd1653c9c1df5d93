#include "chitu_core/models/wan/vae_down_block.h"

#include <ATen/ATen.h>

#include <utility>

namespace chitu::models {
namespace {

/// Receptive field of a residual block in each direction: two convolutions.
constexpr std::int64_t kResnetReach = 2;

}  // namespace

WanDownsample::WanDownsample(std::int64_t channels, bool temporal) : conv_(channels, channels, 3) {
  add_child("resample.1", conv_);
  if (!temporal) return;
  time_conv_ = std::make_unique<nn::CausalConv3d>(channels, channels, 3, 1);
  add_child("time_conv", *time_conv_);
}

at::Tensor WanDownsample::forward(const at::Tensor& x, nn::FeatureCache& cache,
                                  bool first_chunk) const {
  const at::Tensor smaller =
      conv_.forward_downsampled(x.flatten(0, 1)).unflatten(0, {x.size(0), x.size(1)});
  return time_conv_ ? time_conv_->forward_halved(smaller, cache, first_chunk) : smaller;
}

WanAverageShortcut::WanAverageShortcut(const WanDownBlockSizes& sizes)
    : out_channels_(sizes.channels),
      frames_(sizes.downsampling == WanDownsampling::spatial_temporal ? 2 : 1),
      side_(sizes.downsampling == WanDownsampling::none ? 1 : 2) {}

at::Tensor WanAverageShortcut::forward(const at::Tensor& x) const {
  const std::int64_t missing = (frames_ - x.size(1) % frames_) % frames_;
  const at::Tensor whole = missing > 0 ? at::constant_pad_nd(x, {0, 0, 0, 0, 0, 0, missing, 0}) : x;
  return whole.unflatten(3, {-1, side_})
      .unflatten(2, {-1, side_})
      .unflatten(1, {-1, frames_})
      .permute({0, 1, 3, 5, 7, 2, 4, 6})  // [B, F', H', W', C, frames, side, side]
      .flatten(4)
      .unflatten(4, {out_channels_, -1})
      .mean(-1);
}

WanDownBlock::WanDownBlock(const WanDownBlockSizes& sizes) {
  for (std::int64_t index = 0; index < sizes.num_resnets; ++index)
    resnets_.push_back(std::make_unique<WanResidualBlock>(
        index == 0 ? sizes.in_channels : sizes.channels, sizes.channels));
  if (sizes.residual) shortcut_.emplace(sizes);
  if (sizes.downsampling == WanDownsampling::none) return;
  downsampler_ = std::make_unique<WanDownsample>(
      sizes.channels, sizes.downsampling == WanDownsampling::spatial_temporal);
}

void WanDownBlock::add_nested(const std::string& prefix, const Add& add) {
  for (std::size_t index = 0; index < resnets_.size(); ++index)
    add(prefix + ".resnets." + std::to_string(index), *resnets_[index]);
  if (downsampler_) add(prefix + ".downsampler", *downsampler_);
}

std::int64_t WanDownBlock::add_in_row(std::int64_t first, const Add& add) {
  const auto next_name = [&] { return "down_blocks." + std::to_string(first++); };
  for (const auto& resnet : resnets_) add(next_name(), *resnet);
  if (downsampler_) add(next_name(), *downsampler_);
  return first;
}

at::Tensor WanDownBlock::run_resnets(at::Tensor x, nn::FeatureCache& cache,
                                     WanTileWindow* window) const {
  for (const auto& resnet : resnets_) {
    x = resnet->forward(std::move(x), cache);
    if (window) x = window->shrink_to(x, window->halo() - kResnetReach);
  }
  return x;
}

at::Tensor WanDownBlock::forward(at::Tensor x, nn::FeatureCache& cache, bool first_chunk,
                                 WanTileWindow* window) const {
  at::Tensor around = shortcut_ ? x : at::Tensor();
  std::optional<WanTileWindow> window_around;
  if (window) window_around = *window;
  x = run_resnets(std::move(x), cache, window);
  if (shortcut_ && window) around = window_around->shrink_to(around, window->halo());
  if (downsampler_) {
    x = downsampler_->forward(x, cache, first_chunk);
    if (window) window->reduce();
  }
  if (shortcut_) x = x.add_(shortcut_->forward(around));
  // Below and to the right of a tile, the downsampling has read a zero.
  return downsampler_ && window ? window->shrink_to(x, window->halo() - 1) : x;
}

std::int64_t WanDownBlock::input_halo(std::int64_t output_halo) const {
  const std::int64_t before = downsampler_ ? 2 * (output_halo + 1) : output_halo;
  return before + kResnetReach * static_cast<std::int64_t>(resnets_.size());
}

}  // namespace chitu::models
