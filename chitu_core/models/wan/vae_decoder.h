#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <memory>
#include <vector>

#include "chitu_core/memory/module.h"
#include "chitu_core/models/wan/vae_blocks.h"
#include "chitu_core/models/wan/vae_config.h"

namespace chitu::models {

/// The decoder of the Wan autoencoder in two parts. Only the first looks at a whole frame: its
/// attention is at the latents' resolution. The second is local, so it can run in tiles. Each part
/// takes its own cache and the chunks of one clip in order: the first frame alone, then any number
/// of frames at a time.
///
/// Keys: conv_in, mid_block, up_blocks.N, norm_out, conv_out.
class WanDecoder3d : public memory::Module {
 public:
  explicit WanDecoder3d(const WanVaeConfig& config);

  /// x [B, F, h, w, z]; returns [B, F, h, w, C].
  at::Tensor low_resolution(const at::Tensor& x, nn::FeatureCache& cache) const;

  /// hidden [B, F, h, w, C]; returns [B, F', H, W, out_channels], F' = 1 for the first chunk, else
  /// F times the temporal factor. Not clamped.
  ///
  /// window  position of hidden in its picture if it is a tile with a halo of halo() latents; the
  ///         result has no halo
  at::Tensor high_resolution(at::Tensor hidden, nn::FeatureCache& cache, bool first_chunk,
                             WanTileWindow* window = nullptr) const;

  /// Both parts on a chunk [B, F, h, w, z]: [B, F', H, W, out_channels], not clamped.
  at::Tensor chunk(const at::Tensor& x, nn::FeatureCache& low_cache, nn::FeatureCache& high_cache,
                   bool first_chunk) const;

  /// The halo that the input of each up block needs, in positions of its resolution.
  std::vector<std::int64_t> block_halos() const;
  /// Latents around a tile that influence the second part: its receptive field.
  std::int64_t halo() const;

 private:
  at::Tensor run_blocks(at::Tensor hidden, std::size_t first, std::size_t end,
                        nn::FeatureCache& cache, bool first_chunk, WanTileWindow* window) const;
  at::Tensor finish(at::Tensor hidden, nn::FeatureCache& cache, WanTileWindow* window) const;
  std::int64_t piece_frames(const at::Tensor& hidden) const;

  nn::CausalConv3d conv_in_;
  WanMidBlock mid_block_;
  std::vector<std::unique_ptr<WanUpBlock>> up_blocks_;
  std::size_t temporal_blocks_ = 0;  ///< up to the last one that adds frames
  WanRmsNorm norm_out_;
  nn::CausalConv3d conv_out_;
};

}  // namespace chitu::models
