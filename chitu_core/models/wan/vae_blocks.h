#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <memory>
#include <vector>

#include "chitu_core/memory/module.h"
#include "chitu_core/models/wan/vae_norm.h"
#include "chitu_core/nn/conv.h"

namespace chitu::models {

/// The parts of the Wan autoencoder's decoder. Activations are [B, F, H, W, C], contiguous, in the
/// dtype of the weights; `cache` holds what the causal convolutions saw of earlier chunks.

/// Two causal convolutions around a shortcut. Keys: norm1, conv1, norm2, conv2, and conv_shortcut
/// where the number of channels changes.
class WanResidualBlock : public memory::Module {
 public:
  WanResidualBlock(std::int64_t in_channels, std::int64_t out_channels);

  at::Tensor forward(at::Tensor x, nn::FeatureCache& cache) const;

 private:
  WanRmsNorm norm1_;
  nn::CausalConv3d conv1_;
  WanRmsNorm norm2_;
  nn::CausalConv3d conv2_;
  std::unique_ptr<nn::PointwiseConv> conv_shortcut_;
};

/// Attention of one head among the positions of each frame. Keys: norm, to_qkv, proj.
class WanAttentionBlock : public memory::Module {
 public:
  explicit WanAttentionBlock(std::int64_t channels);

  at::Tensor forward(const at::Tensor& x) const;

 private:
  WanRmsNorm norm_;
  nn::PointwiseConv to_qkv_;
  nn::PointwiseConv proj_;
};

/// Keys: resnets.0, attentions.0, resnets.1.
class WanMidBlock : public memory::Module {
 public:
  explicit WanMidBlock(std::int64_t channels);

  at::Tensor forward(at::Tensor x, nn::FeatureCache& cache) const;

 private:
  WanResidualBlock resnet0_;
  WanAttentionBlock attention_;
  WanResidualBlock resnet1_;
};

/// Doubles height and width, halves the channels, and with `temporal` doubles the frames. Keys:
/// resample.1, and time_conv with `temporal`.
class WanResample : public memory::Module {
 public:
  WanResample(std::int64_t channels, bool temporal);

  /// The clip's first frame stays one frame: the temporal convolution neither makes it two nor sees
  /// it, neither then nor, through the cache, later.
  ///
  /// first_chunk  x is the clip's first frame alone
  at::Tensor forward(at::Tensor x, nn::FeatureCache& cache, bool first_chunk) const;

 private:
  at::Tensor double_frames(const at::Tensor& x, nn::FeatureCache& cache) const;

  nn::Conv2d conv_;
  std::unique_ptr<nn::CausalConv3d> time_conv_;
};

enum class WanUpsampling { none, spatial, spatial_temporal };

/// The residual blocks of one resolution, then the way to the next. Keys: resnets.N, upsamplers.0.
class WanUpBlock : public memory::Module {
 public:
  WanUpBlock(std::int64_t in_channels, std::int64_t out_channels, std::int64_t num_resnets,
             WanUpsampling upsampling);

  at::Tensor forward(at::Tensor x, nn::FeatureCache& cache, bool first_chunk) const;

 private:
  std::vector<std::unique_ptr<WanResidualBlock>> resnets_;
  std::unique_ptr<WanResample> upsampler_;
};

}  // namespace chitu::models
