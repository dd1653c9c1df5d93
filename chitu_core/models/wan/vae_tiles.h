#pragma once

#include <cstdint>
#include <vector>

#include "chitu_core/device/dry_run_repeats.h"
#include "chitu_core/models/wan/vae_blocks.h"

namespace chitu::models {

/// A part of a picture, in latents.
struct WanTile {
  std::int64_t top, left, height, width;
};

/// A picture of latents in as few tiles as possible with at most `side` latents a side, of nearly
/// equal size, since the largest one decides the memory.
std::vector<WanTile> tiles_of(std::int64_t height, std::int64_t width, std::int64_t side);

/// The tile's position in a picture of this size, with a halo.
WanTileWindow window_around(const WanTile& tile, std::int64_t height, std::int64_t width,
                            std::int64_t halo);

/// For dry runs: tiles of equal size with equal or mirrored halos are the same work.
device::DryRunRepeats::Kind tile_kind(const WanTile& tile, std::int64_t height, std::int64_t width,
                                      std::int64_t halo);

}  // namespace chitu::models
