#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <memory>
#include <vector>

#include "chitu_core/memory/module.h"
#include "chitu_core/models/wan/vae_blocks.h"
#include "chitu_core/models/wan/vae_config.h"
#include "chitu_core/models/wan/vae_down_block.h"

namespace chitu::models {

/// The encoder of the Wan autoencoder in two parts: the decoder's, in reverse. The first is local,
/// so it can run in tiles. Only the second looks at a whole frame: its attention is at the latents'
/// resolution. Each part takes its own cache and the chunks of one clip in order: the first frame
/// alone, then multiples of the temporal factor.
///
/// Keys: conv_in, down_blocks.N, mid_block, norm_out, conv_out.
class WanEncoder3d : public memory::Module {
 public:
  explicit WanEncoder3d(const WanVaeEncoderConfig& config);

  /// x [B, F, H, W, in], pictures in patches; returns [B, F', h, w, C], F' = 1 for the first chunk,
  /// else F / the temporal factor.
  ///
  /// window  position of x in its picture if it is a tile with a halo of halo() positions; the
  ///         result has no halo
  at::Tensor high_resolution(const at::Tensor& x, nn::FeatureCache& cache, bool first_chunk,
                             const WanTileWindow* window = nullptr) const;

  /// hidden [B, F', h, w, C]; returns [B, F', h, w, 2 z].
  at::Tensor low_resolution(at::Tensor hidden, nn::FeatureCache& cache) const;

  /// The halo that the input of each down block needs, in positions of its resolution.
  std::vector<std::int64_t> block_halos() const;
  /// Positions around a tile that influence the first part: its receptive field.
  std::int64_t halo() const;

 private:
  at::Tensor run_blocks(at::Tensor hidden, std::size_t first, std::size_t end,
                        nn::FeatureCache& cache, bool first_chunk, WanTileWindow* window) const;
  at::Tensor full_resolution(const at::Tensor& x, nn::FeatureCache& cache, bool first_chunk,
                             WanTileWindow* window) const;
  std::int64_t piece_frames(const at::Tensor& x) const;

  nn::CausalConv3d conv_in_;
  std::vector<std::unique_ptr<WanDownBlock>> down_blocks_;
  std::size_t spatial_blocks_ = 0;  ///< before the first one that halves the frames
  WanMidBlock mid_block_;
  WanRmsNorm norm_out_;
  nn::CausalConv3d conv_out_;
};

}  // namespace chitu::models
