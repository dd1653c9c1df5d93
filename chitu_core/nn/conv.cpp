#include "chitu_core/nn/conv.h"

#include <ATen/ATen.h>
#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "chitu_core/common/error.h"
#include "chitu_core/device/dry_run.h"
#include "chitu_core/nn/conv_temporal.h"
#include "chitu_core/nn/products.h"

namespace chitu::nn {
namespace {

using memory::Parameter;

/// With fewer multiplications the calls for four phases cost more than they save.
constexpr std::int64_t kPhasesPayFrom = 1 << 25;

/// Whether oneDNN computes convolutions of float32 here, on the CPU or the simulated device.
bool onednn_computes(const at::Tensor& x) {
  return in_host_memory(x) && at::hasMKLDNN() && at::globalContext().userEnabledMkldnn();
}

/// x [N, ..., in] channels last, weight [out, in, ...] in the same number of dimensions.
at::Tensor convolve_strided(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias,
                            at::IntArrayRef padding, at::IntArrayRef stride) {
  std::vector<std::int64_t> to_channels_first{0, x.dim() - 1};
  std::vector<std::int64_t> to_channels_last{0};
  for (std::int64_t d = 1; d < x.dim() - 1; ++d) to_channels_first.push_back(d);
  for (std::int64_t d = 2; d < x.dim(); ++d) to_channels_last.push_back(d);
  to_channels_last.push_back(1);

  // libtorch's half-precision kernels are slower than oneDNN's float32 kernels, and return another
  // memory layout.
  const at::ScalarType computed_in = product_dtype(x);
  const auto wide = [&](const at::Tensor& tensor) {
    return tensor.defined() ? tensor.to(computed_in) : tensor;
  };
  const at::Tensor input = wide(x).permute(to_channels_first);
  const std::vector<std::int64_t> ones(padding.size(), 1);
  // The default dispatch uses im2col for small clips, which is several times slower.
  const at::Tensor output =
      onednn_computes(x)
          ? at::mkldnn_convolution(input, wide(weight), wide(bias), padding, stride, ones, 1)
          : at::convolution(input, wide(weight), wide(bias), stride, padding, ones, false,
                            std::vector<std::int64_t>(padding.size(), 0), 1);
  return output.to(x.scalar_type()).permute(to_channels_last).contiguous();
}

at::Tensor convolve(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias,
                    at::IntArrayRef padding) {
  return convolve_strided(x, weight, bias, padding, std::vector<std::int64_t>(padding.size(), 1));
}

void expect_channels(const at::Tensor& x, const Parameter& weight) {
  if (x.size(-1) == weight.shape[1]) return;
  throw ShapeError(
      fmt::format("convolution: expected {} input channels, got {}", weight.shape[1], x.size(-1)));
}

}  // namespace

bool in_host_memory(const at::Tensor& tensor) { return device::has_host_kernels(tensor.device()); }

PointwiseConv::PointwiseConv(std::int64_t in_channels, std::int64_t out_channels, int kernel_dims)
    : weight_(add_parameter("weight",
                            kernel_dims == 2
                                ? std::vector<std::int64_t>{out_channels, in_channels, 1, 1}
                                : std::vector<std::int64_t>{out_channels, in_channels, 1, 1, 1})),
      bias_(add_parameter("bias", {out_channels})) {}

at::Tensor PointwiseConv::forward(const at::Tensor& x) const {
  expect_channels(x, weight_);
  return linear_map(x, weight_.tensor.view({weight_.shape[0], weight_.shape[1]}), bias_.tensor);
}

Conv2d::Conv2d(std::int64_t in_channels, std::int64_t out_channels, std::int64_t kernel)
    : weight_(add_parameter("weight", {out_channels, in_channels, kernel, kernel})),
      bias_(add_parameter("bias", {out_channels})) {
  weight_.memory_format = at::MemoryFormat::ChannelsLast;
}

at::Tensor Conv2d::forward(const at::Tensor& x) const {
  expect_channels(x, weight_);
  const std::int64_t padding = weight_.shape[2] / 2;
  return convolve(x, weight_.tensor, bias_.tensor, {padding, padding});
}

at::Tensor Conv2d::forward_upsampled(const at::Tensor& x) const {
  expect_channels(x, weight_);
  if (onednn_computes(x) && x.numel() * weight_.shape[0] >= kPhasesPayFrom)
    return upsampled_by_phases(x);
  const at::Tensor enlarged =
      at::upsample_nearest2d(x.permute({0, 3, 1, 2}), {2 * x.size(1), 2 * x.size(2)});
  return forward(enlarged.permute({0, 2, 3, 1}).contiguous());
}

at::Tensor Conv2d::forward_downsampled(const at::Tensor& x) const {
  expect_channels(x, weight_);
  at::Tensor output =
      at::empty({x.size(0), x.size(1) / 2, x.size(2) / 2, weight_.shape[0]}, x.options());
  // One picture at a time: a padded copy of all of them would be as large as the input.
  for (std::int64_t n = 0; n < x.size(0); ++n) {
    const at::Tensor padded = at::constant_pad_nd(x.narrow(0, n, 1), {0, 0, 0, 1, 0, 1});
    output.narrow(0, n, 1).copy_(
        convolve_strided(padded, weight_.tensor, bias_.tensor, {0, 0}, {2, 2}));
  }
  return output;
}

at::Tensor Conv2d::upsampled_by_phases(const at::Tensor& x) const {
  const std::int64_t height = x.size(1), width = x.size(2), out = weight_.shape[0];
  // Upsampled rows 2i-1, 2i, 2i+1 are rows i-1, i, i; rows 2i, 2i+1, 2i+2 are i, i, i+1.
  const auto halves = [](const at::Tensor& taps, std::int64_t dim, int phase) {
    const at::Tensor first = taps.narrow(dim, 0, 1), middle = taps.narrow(dim, 1, 1),
                     last = taps.narrow(dim, 2, 1);
    return phase == 0 ? at::cat({first, middle + last}, dim) : at::cat({first + middle, last}, dim);
  };
  const at::Tensor taps = weight_.tensor.to(at::kFloat);
  at::Tensor output = at::empty({x.size(0), height, 2, width, 2, out}, x.options());
  for (int row = 0; row < 2; ++row) {
    for (int column = 0; column < 2; ++column) {
      const at::Tensor weight = halves(halves(taps, 2, row), 3, column)
                                    .to(x.scalar_type())
                                    .contiguous(at::MemoryFormat::ChannelsLast);
      // One row and column more than the phase has: each phase uses one of the two ends.
      const at::Tensor padded = convolve(x, weight, bias_.tensor, {1, 1});
      output.select(4, column).select(2, row).copy_(
          padded.narrow(1, row, height).narrow(2, column, width));
    }
  }
  return output.view({x.size(0), 2 * height, 2 * width, out});
}

std::int64_t FeatureCache::bytes() const {
  std::int64_t sum = 0;
  for (const auto& [conv, frames] : frames_) sum += static_cast<std::int64_t>(frames.nbytes());
  return sum;
}

CausalConv3d::CausalConv3d(std::int64_t in_channels, std::int64_t out_channels,
                           std::int64_t kernel_frames, std::int64_t kernel)
    : weight_(add_parameter("weight", {out_channels, in_channels, kernel_frames, kernel, kernel})),
      bias_(add_parameter("bias", {out_channels})) {
  weight_.memory_format = at::MemoryFormat::ChannelsLast3d;
}

CausalConv3d::Window CausalConv3d::window(at::IntArrayRef sizes, const at::TensorOptions& options,
                                          FeatureCache& cache) const {
  const std::int64_t most_past = weight_.shape[2] - 1, frames = sizes[1];
  at::Tensor past;
  if (const auto found = cache.frames_.find(this); found != cache.frames_.end())
    past = std::move(found->second);
  const std::int64_t known = past.defined() ? past.size(1) : 0;
  Window window;
  // A single frame needs no zeros before it: its taps are left out.
  window.zeros = frames == 1 ? 0 : most_past - known;
  const std::int64_t before = window.zeros + known;
  window.all =
      at::empty({sizes[0], before + frames, sizes[2], sizes[3], weight_.shape[1]}, options);
  window.frames = window.all.narrow(1, before, frames);
  if (window.zeros > 0) window.all.narrow(1, 0, window.zeros).zero_();
  if (known > 0) window.all.narrow(1, window.zeros, known).copy_(past);
  return window;
}

at::Tensor CausalConv3d::forward(Window window, FeatureCache& cache) const {
  const std::int64_t taps = weight_.shape[2], kernel = weight_.shape[3], padding = kernel / 2;
  const std::int64_t seen = std::min(taps, window.all.size(1));
  keep(window, cache);
  if (window.frames.size(1) > 1 && onednn_computes(window.all) &&
      window.all.scalar_type() != at::kHalf && taps == 3 &&
      temporal_pairs_pay(window.frames.sizes(), weight_.shape))
    return temporal_pairs(std::move(window.all), weight_.tensor, bias_.tensor, convolve);
  if (seen == 1) {  // one frame, none before it: a convolution over a picture
    const at::Tensor last =
        weight_.tensor.select(2, taps - 1).contiguous(at::MemoryFormat::ChannelsLast);
    return convolve(window.all.squeeze(1), last, bias_.tensor, {padding, padding}).unsqueeze(1);
  }
  const at::Tensor weight =
      weight_.tensor.narrow(2, taps - seen, seen).contiguous(at::MemoryFormat::ChannelsLast3d);
  return convolve(window.all, weight, bias_.tensor, {0, padding, padding});
}

at::Tensor CausalConv3d::forward(const at::Tensor& x, FeatureCache& cache) const {
  expect_channels(x, weight_);
  Window input = window(x.sizes(), x.options(), cache);
  input.frames.copy_(x);
  return forward(std::move(input), cache);
}

at::Tensor CausalConv3d::forward_halved(const at::Tensor& x, FeatureCache& cache,
                                        bool first_chunk) const {
  expect_channels(x, weight_);
  const auto past = cache.frames_.find(this);
  at::Tensor all = first_chunk ? x : at::cat({past->second, x}, 1);
  if (cache.keeping_)
    cache.frames_[this] = x.narrow(1, x.size(1) - 1, 1).clone();
  else
    cache.frames_.erase(this);
  if (first_chunk) return x;
  return convolve_strided(all, weight_.tensor, bias_.tensor, {0, 0, 0}, {2, 1, 1});
}

void CausalConv3d::keep(const Window& window, FeatureCache& cache) const {
  if (!cache.keeping_) {
    cache.frames_.erase(this);
    return;
  }
  const std::int64_t known = window.all.size(1) - window.zeros;
  const std::int64_t kept = std::min(weight_.shape[2] - 1, known);
  // A copy: a view would keep the whole window.
  cache.frames_[this] = window.all.narrow(1, window.all.size(1) - kept, kept).clone();
}

}  // namespace chitu::nn
