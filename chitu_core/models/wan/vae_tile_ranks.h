#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <optional>
#include <vector>

#include "chitu_core/models/wan/vae_tiles.h"
#include "chitu_core/models/wan/vae_tiling.h"
#include "chitu_core/parallel/communicator.h"

namespace chitu::models {

/// How ranks decode one clip together: in exact tiles, of which each rank takes every n-th.
/// Afterwards every rank gets all pictures.
class WanTileRanks {
 public:
  /// ranks          null, or one: no rank shares anything
  /// height, width  of the latents
  /// factor         pixels per latent
  /// most           most latents per side of a tile; empty = as large as gives every rank one
  WanTileRanks(parallel::Communicator* ranks, std::int64_t height, std::int64_t width,
               std::int64_t factor, std::optional<std::int64_t> most);

  /// Whether ranks have different tiles: there are several of both.
  bool are_divided() const { return tiles_.size() > 1; }
  std::int64_t side() const { return side_; }
  TileShare share() const;
  /// Completes a clip that has this rank's tiles.
  ///
  /// clip  frames, rows and columns are dimension frame_dim and the two after it
  void gather(const at::Tensor& clip, std::int64_t frame_dim) const;

 private:
  std::vector<at::Tensor> views(const at::Tensor& clip, std::int64_t frame_dim, int rank) const;

  parallel::Communicator* ranks_;
  std::int64_t factor_, side_ = 0;
  std::vector<WanTile> tiles_;
};

}  // namespace chitu::models
