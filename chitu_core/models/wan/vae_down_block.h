#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "chitu_core/memory/module.h"
#include "chitu_core/models/wan/vae_blocks.h"
#include "chitu_core/nn/conv.h"

namespace chitu::models {

/// Parts of the Wan autoencoder's encoder. Activations as in vae_blocks.h.

/// Halves height and width, and with `temporal` the frames. Keys: resample.1, and time_conv with
/// `temporal`.
class WanDownsample : public memory::Module {
 public:
  WanDownsample(std::int64_t channels, bool temporal);

  /// first_chunk  x is the first frame of the clip, which stays one frame
  at::Tensor forward(const at::Tensor& x, nn::FeatureCache& cache, bool first_chunk) const;

 private:
  nn::Conv2d conv_;
  std::unique_ptr<nn::CausalConv3d> time_conv_;
};

enum class WanDownsampling { none, spatial, spatial_temporal };

/// The sizes of a down block.
struct WanDownBlockSizes {
  std::int64_t in_channels = 0;
  std::int64_t channels = 0;
  std::int64_t num_resnets = 0;
  WanDownsampling downsampling = WanDownsampling::none;
  bool residual = false;  ///< with a shortcut around it
};

/// The shortcut around a down block of the Wan 2.2 autoencoder: averages of the positions and
/// channels that one position and channel of the output stands for. Has no weights. Source:
/// diffusers, AvgDown3D.
class WanAverageShortcut {
 public:
  explicit WanAverageShortcut(const WanDownBlockSizes& sizes);

  /// x [B, F, H, W, in]; returns the shape of the block's output. Before the clip's first frame
  /// there are zeros.
  at::Tensor forward(const at::Tensor& x) const;

 private:
  std::int64_t out_channels_, frames_, side_;
};

/// The residual blocks of one resolution, then the way to the next.
class WanDownBlock {
 public:
  /// Registers a module under its name.
  using Add = std::function<void(const std::string& name, memory::Module& module)>;

  explicit WanDownBlock(const WanDownBlockSizes& sizes);
  /// Names resnets.N and downsampler, as the Wan 2.2 autoencoder nests them.
  void add_nested(const std::string& prefix, const Add& add);
  /// Numbers from `first` on, as the Wan 2.1 autoencoder lists them. Returns the next number.
  std::int64_t add_in_row(std::int64_t first, const Add& add);

  /// window  position of x in its picture if it is a tile; null for a whole picture
  at::Tensor forward(at::Tensor x, nn::FeatureCache& cache, bool first_chunk,
                     WanTileWindow* window) const;

  /// The halo that x needs if the output is to have `output_halo` positions of it.
  std::int64_t input_halo(std::int64_t output_halo) const;

 private:
  at::Tensor run_resnets(at::Tensor x, nn::FeatureCache& cache, WanTileWindow* window) const;

  std::vector<std::unique_ptr<WanResidualBlock>> resnets_;
  std::unique_ptr<WanDownsample> downsampler_;
  std::optional<WanAverageShortcut> shortcut_;
};

}  // namespace chitu::models
