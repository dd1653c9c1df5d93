#pragma once

#include <ATen/core/Tensor.h>

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "chitu_core/memory/module.h"
#include "chitu_core/models/wan/vae_norm.h"
#include "chitu_core/nn/conv.h"

namespace chitu::models {

/// Parts of the Wan autoencoder's decoder. Activations are [B, F, H, W, C], contiguous, in the
/// weights' dtype. `cache` holds the input frames of earlier chunks for the causal convolutions.

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

/// Doubles height and width, and with `temporal` the frames. Keys: resample.1, and time_conv with
/// `temporal`.
class WanResample : public memory::Module {
 public:
  WanResample(std::int64_t in_channels, std::int64_t out_channels, bool temporal);

  /// The first frame of a clip stays one frame: the temporal convolution does not double it, and
  /// later frames do not see it through the cache.
  ///
  /// first_chunk  x is the first frame of the clip
  at::Tensor forward(at::Tensor x, nn::FeatureCache& cache, bool first_chunk) const;

 private:
  at::Tensor double_frames(const at::Tensor& x, nn::FeatureCache& cache) const;

  nn::Conv2d conv_;
  std::unique_ptr<nn::CausalConv3d> time_conv_;
};

/// Position of a tile in its picture while the decoder upsamples it. A tile comes with a halo of
/// its neighbours' positions. Each convolution invalidates one more position at an inner edge;
/// invalid and unused positions are cut off on the way. Edges of the picture have no halo: the
/// zeros beyond them are those of a whole decode.
class WanTileWindow {
 public:
  /// Latents from the tile's edges to the picture's, and the width of the halo that the tile comes
  /// with where the picture is that wide.
  WanTileWindow(std::int64_t above, std::int64_t below, std::int64_t left, std::int64_t right,
                std::int64_t halo)
      : distances_{above, below, left, right}, halo_(halo) {}

  /// Positions of halo on the four sides: above, below, left, right.
  std::array<std::int64_t, 4> sides() const;
  /// Positions from the tile to the edges of its picture, in the same order.
  const std::array<std::int64_t, 4>& distances() const { return distances_; }
  std::int64_t halo() const { return halo_; }
  void set_halo(std::int64_t halo) { halo_ = halo; }
  /// x [B, F, H, W, C], cropped to `halo` positions of halo, contiguous.
  at::Tensor shrink_to(const at::Tensor& x, std::int64_t halo);
  /// Call after each upsampling: positions are half as large from here on.
  void enlarge();
  /// Call after each downsampling: positions are twice as large from here on. Halo and distances
  /// are even.
  void reduce();

 private:
  std::array<std::int64_t, 4> distances_;
  std::int64_t halo_;
};

enum class WanUpsampling { none, spatial, spatial_temporal };

/// The shortcut around an up block of the Wan 2.2 autoencoder: repeats positions and channels until
/// they have the size of the block's output. Has no weights. Source: diffusers, DupUp3D.
class WanRepeatShortcut {
 public:
  /// One number of channels is a multiple of the other, at most 4 times the temporal factor.
  ///
  /// upsampling  of the block; not none
  WanRepeatShortcut(std::int64_t in_channels, std::int64_t out_channels, WanUpsampling upsampling);

  /// Adds the repeated input to the output of the block, in place.
  ///
  /// input   [B, F, H, W, in_channels] of the block
  /// output  [B, F', 2 H, 2 W, out_channels]; F' = 1 for the clip's first frame, else F times the
  ///         temporal factor
  void add_to(const at::Tensor& output, const at::Tensor& input) const;

 private:
  at::Tensor channels_of(const at::Tensor& input, std::int64_t part) const;

  std::int64_t in_channels_, out_channels_, frames_;
};

/// The sizes of an up block.
struct WanUpBlockSizes {
  std::int64_t in_channels = 0;
  std::int64_t channels = 0;      ///< of its residual blocks
  std::int64_t out_channels = 0;  ///< after upsampling
  std::int64_t num_resnets = 0;
  WanUpsampling upsampling = WanUpsampling::none;
  bool residual = false;  ///< with a shortcut around it where it upsamples
};

/// The residual blocks of one resolution, then the way to the next. Keys: resnets.N, and
/// upsamplers.0, which is upsampler where the block has a shortcut around it.
class WanUpBlock : public memory::Module {
 public:
  explicit WanUpBlock(const WanUpBlockSizes& sizes);

  /// window  position of x in its picture if it is a tile; null for a whole picture
  at::Tensor forward(at::Tensor x, nn::FeatureCache& cache, bool first_chunk,
                     WanTileWindow* window = nullptr) const;

  /// The halo that x needs if the output is to have `output_halo` positions of it.
  std::int64_t input_halo(std::int64_t output_halo) const;

 private:
  at::Tensor run_resnets(at::Tensor x, nn::FeatureCache& cache, WanTileWindow* window) const;

  std::vector<std::unique_ptr<WanResidualBlock>> resnets_;
  std::unique_ptr<WanResample> upsampler_;
  std::optional<WanRepeatShortcut> shortcut_;
};

}  // namespace chitu::models
