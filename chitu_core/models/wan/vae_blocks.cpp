#include "chitu_core/models/wan/vae_blocks.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <string>
#include <utility>

namespace chitu::models {
namespace {

/// Receptive field of a residual block in each direction: two convolutions.
constexpr std::int64_t kResnetReach = 2;

/// conv(silu(norm(x))): the norm writes directly into the convolution's input.
at::Tensor convolve_activated(const WanRmsNorm& norm, const nn::CausalConv3d& conv, at::Tensor x,
                              nn::FeatureCache& cache) {
  auto window = conv.window(x.sizes(), x.options(), cache);
  norm.silu_into(x, window.frames);
  x.reset();
  return conv.forward(std::move(window), cache);
}

}  // namespace

WanResidualBlock::WanResidualBlock(std::int64_t in_channels, std::int64_t out_channels)
    : norm1_(in_channels, 3),
      conv1_(in_channels, out_channels, 3, 3),
      norm2_(out_channels, 3),
      conv2_(out_channels, out_channels, 3, 3) {
  add_child("norm1", norm1_);
  add_child("conv1", conv1_);
  add_child("norm2", norm2_);
  add_child("conv2", conv2_);
  if (in_channels == out_channels) return;
  conv_shortcut_ = std::make_unique<nn::PointwiseConv>(in_channels, out_channels, 3);
  add_child("conv_shortcut", *conv_shortcut_);
}

at::Tensor WanResidualBlock::forward(at::Tensor x, nn::FeatureCache& cache) const {
  const at::Tensor shortcut = conv_shortcut_ ? conv_shortcut_->forward(x) : x;
  at::Tensor hidden = convolve_activated(norm1_, conv1_, std::move(x), cache);
  hidden = convolve_activated(norm2_, conv2_, std::move(hidden), cache);
  return hidden.add_(shortcut);
}

WanAttentionBlock::WanAttentionBlock(std::int64_t channels)
    : norm_(channels, 2), to_qkv_(channels, 3 * channels, 2), proj_(channels, channels, 2) {
  add_child("norm", norm_);
  add_child("to_qkv", to_qkv_);
  add_child("proj", proj_);
}

at::Tensor WanAttentionBlock::forward(const at::Tensor& x) const {
  const std::int64_t channels = x.size(-1);
  const at::Tensor qkv = to_qkv_.forward(norm_.forward(x))
                             .view({x.size(0) * x.size(1), 1, x.size(2) * x.size(3), 3 * channels});
  const auto part = [&](std::int64_t index) { return qkv.narrow(-1, index * channels, channels); };
  const at::Tensor attended = at::scaled_dot_product_attention(part(0), part(1), part(2));
  return proj_.forward(attended.reshape(x.sizes())).add_(x);
}

WanMidBlock::WanMidBlock(std::int64_t channels)
    : resnet0_(channels, channels), attention_(channels), resnet1_(channels, channels) {
  add_child("resnets.0", resnet0_);
  add_child("attentions.0", attention_);
  add_child("resnets.1", resnet1_);
}

at::Tensor WanMidBlock::forward(at::Tensor x, nn::FeatureCache& cache) const {
  x = attention_.forward(resnet0_.forward(std::move(x), cache));
  return resnet1_.forward(std::move(x), cache);
}

WanResample::WanResample(std::int64_t in_channels, std::int64_t out_channels, bool temporal)
    : conv_(in_channels, out_channels, 3) {
  add_child("resample.1", conv_);
  if (!temporal) return;
  time_conv_ = std::make_unique<nn::CausalConv3d>(in_channels, 2 * in_channels, 3, 1);
  add_child("time_conv", *time_conv_);
}

at::Tensor WanResample::forward(at::Tensor x, nn::FeatureCache& cache, bool first_chunk) const {
  if (time_conv_ && !first_chunk) x = double_frames(x, cache);
  const std::int64_t batch = x.size(0), frames = x.size(1);
  x = conv_.forward_upsampled(x.flatten(0, 1));
  return x.view({batch, frames, x.size(1), x.size(2), x.size(3)});
}

at::Tensor WanResample::double_frames(const at::Tensor& x, nn::FeatureCache& cache) const {
  // The first half of the output channels is the earlier frame of each pair, the second half the
  // later.
  const at::Tensor pairs = time_conv_->forward(x, cache).unflatten(-1, {2, x.size(-1)});
  return pairs.permute({0, 1, 4, 2, 3, 5})
      .reshape({x.size(0), 2 * x.size(1), x.size(2), x.size(3), x.size(4)});
}

std::array<std::int64_t, 4> WanTileWindow::sides() const {
  std::array<std::int64_t, 4> sides{};
  for (std::size_t side = 0; side < sides.size(); ++side)
    sides[side] = std::min(halo_, distances_[side]);
  return sides;
}

at::Tensor WanTileWindow::shrink_to(const at::Tensor& x, std::int64_t halo) {
  const auto before = sides();
  halo_ = halo;
  const auto after = sides();
  const auto cut = [&](const at::Tensor& from, std::int64_t dim, std::size_t side) {
    const std::int64_t head = before[side] - after[side], tail = before[side + 1] - after[side + 1];
    return from.narrow(dim, head, from.size(dim) - head - tail);
  };
  return cut(cut(x, 2, 0), 3, 2).contiguous();
}

void WanTileWindow::enlarge() {
  halo_ *= 2;
  for (auto& distance : distances_) distance *= 2;
}

void WanTileWindow::reduce() {
  halo_ /= 2;
  for (auto& distance : distances_) distance /= 2;
}

WanRepeatShortcut::WanRepeatShortcut(std::int64_t in_channels, std::int64_t out_channels,
                                     WanUpsampling upsampling)
    : in_channels_(in_channels),
      out_channels_(out_channels),
      frames_(upsampling == WanUpsampling::spatial_temporal ? 2 : 1) {}

/// The channels of the input that go to one of the positions which a position becomes.
at::Tensor WanRepeatShortcut::channels_of(const at::Tensor& input, std::int64_t part) const {
  const std::int64_t parts = 4 * frames_;
  if (in_channels_ % out_channels_ != 0)
    return input.unsqueeze(-1)
        .expand({-1, -1, -1, -1, -1, out_channels_ / in_channels_})
        .flatten(-2);
  const std::int64_t step = in_channels_ / out_channels_;
  return input.slice(-1, part * step / parts, in_channels_, step);
}

void WanRepeatShortcut::add_to(const at::Tensor& output, const at::Tensor& input) const {
  // The clip's first frame becomes one frame: the last of those that another frame becomes.
  const std::int64_t made = output.size(1) / input.size(1);
  // [B, F, made, H, 2, W, 2, C]
  const at::Tensor split =
      output.unflatten(3, {-1, 2}).unflatten(2, {-1, 2}).unflatten(1, {-1, made});
  for (std::int64_t frame = 0; frame < made; ++frame)
    for (const std::int64_t row : {0, 1})
      for (const std::int64_t column : {0, 1}) {
        const std::int64_t part = ((frame + frames_ - made) * 2 + row) * 2 + column;
        split.select(2, frame).select(3, row).select(4, column).add_(channels_of(input, part));
      }
}

WanUpBlock::WanUpBlock(const WanUpBlockSizes& sizes) {
  for (std::int64_t index = 0; index < sizes.num_resnets; ++index) {
    resnets_.push_back(std::make_unique<WanResidualBlock>(
        index == 0 ? sizes.in_channels : sizes.channels, sizes.channels));
    add_child("resnets." + std::to_string(index), *resnets_.back());
  }
  if (sizes.upsampling == WanUpsampling::none) return;
  upsampler_ = std::make_unique<WanResample>(sizes.channels, sizes.out_channels,
                                             sizes.upsampling == WanUpsampling::spatial_temporal);
  add_child(sizes.residual ? "upsampler" : "upsamplers.0", *upsampler_);
  if (sizes.residual) shortcut_.emplace(sizes.in_channels, sizes.out_channels, sizes.upsampling);
}

at::Tensor WanUpBlock::run_resnets(at::Tensor x, nn::FeatureCache& cache,
                                   WanTileWindow* window) const {
  for (const auto& resnet : resnets_) {
    x = resnet->forward(std::move(x), cache);
    if (window) x = window->shrink_to(x, window->halo() - kResnetReach);
  }
  return x;
}

at::Tensor WanUpBlock::forward(at::Tensor x, nn::FeatureCache& cache, bool first_chunk,
                               WanTileWindow* window) const {
  at::Tensor around = shortcut_ ? x : at::Tensor();
  std::optional<WanTileWindow> window_around;
  if (window) window_around = *window;
  x = run_resnets(std::move(x), cache, window);
  if (!upsampler_) return x;
  if (shortcut_ && window) around = window_around->shrink_to(around, window->halo());
  if (window) window->enlarge();
  x = upsampler_->forward(std::move(x), cache, first_chunk);
  if (shortcut_) shortcut_->add_to(x, around);
  return x;
}

std::int64_t WanUpBlock::input_halo(std::int64_t output_halo) const {
  // The upsampler's convolution reaches one position at the output's size, half a position before.
  const std::int64_t before = upsampler_ ? (output_halo + 2) / 2 : output_halo;
  return before + kResnetReach * static_cast<std::int64_t>(resnets_.size());
}

}  // namespace chitu::models
