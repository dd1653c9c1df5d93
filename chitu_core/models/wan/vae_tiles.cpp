#include "chitu_core/models/wan/vae_tiles.h"

#include <algorithm>

namespace chitu::models {
namespace {

/// Where the parts of an extent begin, and its end.
std::vector<std::int64_t> cut(std::int64_t extent, std::int64_t most) {
  const std::int64_t count = (extent + most - 1) / most;
  std::vector<std::int64_t> cuts;
  for (std::int64_t i = 0; i <= count; ++i) cuts.push_back(i * extent / count);
  return cuts;
}

}  // namespace

std::vector<WanTile> tiles_of(std::int64_t height, std::int64_t width, std::int64_t side) {
  const auto tops = cut(height, side), lefts = cut(width, side);
  std::vector<WanTile> tiles;
  for (std::size_t i = 0; i + 1 < tops.size(); ++i)
    for (std::size_t j = 0; j + 1 < lefts.size(); ++j)
      tiles.push_back({tops[i], lefts[j], tops[i + 1] - tops[i], lefts[j + 1] - lefts[j]});
  return tiles;
}

WanTileWindow window_around(const WanTile& tile, std::int64_t height, std::int64_t width,
                            std::int64_t halo) {
  return {tile.top, height - tile.top - tile.height, tile.left, width - tile.left - tile.width,
          halo};
}

device::DryRunRepeats::Kind tile_kind(const WanTile& tile, std::int64_t height, std::int64_t width,
                                      std::int64_t halo) {
  const auto [above, below, left, right] = window_around(tile, height, width, halo).sides();
  return {
      tile.height,           tile.width,           std::min(above, below), std::max(above, below),
      std::min(left, right), std::max(left, right)};
}

}  // namespace chitu::models
