#include "chitu_core/models/wan/vae_tile_ranks.h"

#include <ATen/ATen.h>

#include <algorithm>

namespace chitu::models {
namespace {

/// The largest side that gives at least so many tiles, or else the smallest side.
std::int64_t side_for(std::int64_t height, std::int64_t width, std::int64_t most, int ranks) {
  std::int64_t side = most;
  while (side > kSmallestVaeTile && std::ssize(tiles_of(height, width, side)) < ranks) --side;
  return side;
}

std::int64_t elements(const std::vector<at::Tensor>& views) {
  std::int64_t sum = 0;
  for (const at::Tensor& view : views) sum += view.numel();
  return sum;
}

at::Tensor packed(const std::vector<at::Tensor>& views, const at::Tensor& clip) {
  const at::Tensor all = at::empty({elements(views)}, clip.options());
  std::int64_t start = 0;
  for (const at::Tensor& view : views) {
    all.narrow(0, start, view.numel()).view(view.sizes()).copy_(view);
    start += view.numel();
  }
  return all;
}

void unpack(const at::Tensor& all, const std::vector<at::Tensor>& views) {
  std::int64_t start = 0;
  for (const at::Tensor& view : views) {
    view.copy_(all.narrow(0, start, view.numel()).view(view.sizes()));
    start += view.numel();
  }
}

}  // namespace

WanTileRanks::WanTileRanks(parallel::Communicator* ranks, std::int64_t height, std::int64_t width,
                           std::int64_t factor, std::optional<std::int64_t> most)
    : ranks_(ranks), factor_(factor) {
  if (!ranks || ranks->size() == 1) return;
  side_ = side_for(height, width, most.value_or(std::max(height, width)), ranks->size());
  tiles_ = tiles_of(height, width, side_);
}

TileShare WanTileRanks::share() const {
  if (!are_divided()) return {};
  return {ranks_->rank(), ranks_->size()};
}

std::vector<at::Tensor> WanTileRanks::views(const at::Tensor& clip, std::int64_t frame_dim,
                                            int rank) const {
  std::vector<at::Tensor> views;
  for (std::size_t i = static_cast<std::size_t>(rank); i < tiles_.size();
       i += static_cast<std::size_t>(ranks_->size())) {
    const auto& [top, left, height, width] = tiles_[i];
    views.push_back(clip.narrow(frame_dim + 1, top * factor_, height * factor_)
                        .narrow(frame_dim + 2, left * factor_, width * factor_));
  }
  return views;
}

void WanTileRanks::gather(const at::Tensor& clip, std::int64_t frame_dim) const {
  if (!are_divided()) return;
  std::vector<at::Tensor> received;
  for (int rank = 0; rank < ranks_->size(); ++rank)
    received.push_back(at::empty({elements(views(clip, frame_dim, rank))}, clip.options()));
  ranks_->all_gather(packed(views(clip, frame_dim, ranks_->rank()), clip), received);
  for (int rank = 0; rank < ranks_->size(); ++rank)
    if (rank != ranks_->rank())
      unpack(received[static_cast<std::size_t>(rank)], views(clip, frame_dim, rank));
}

}  // namespace chitu::models
