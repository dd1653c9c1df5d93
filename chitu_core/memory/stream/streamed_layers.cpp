#include "chitu_core/memory/stream/streamed_layers.h"

#include <algorithm>

#include "chitu_core/memory/stream/stream_options.h"

namespace chitu::memory {

StreamedLayers::StreamedLayers(const Layers& layers, std::int64_t resident_layers) {
  const SpreadLayers resident{resident_layers, std::ssize(layers)};
  for (const auto& [name, module] : layers) {
    const std::int64_t index = std::ssize(streamed_);
    streamed_.push_back(!resident(index));
    if (streamed_.back()) layers_.emplace_back(name, index, *module);
  }
  for (const LayerLayout& layer : layers_) {
    slab_bytes_ = std::max(slab_bytes_, layer.bytes());
    for (const LayerChunk& chunk : layer.chunks()) {
      buffer_bytes_ = std::max(buffer_bytes_, chunk.buffer_bytes());
      chunks_.push_back({&layer, &chunk});
    }
    first_chunk_.push_back(std::ssize(chunks_));
  }
  layer_turns_ = TurnOrder(std::ssize(layers_));
  chunk_turns_ = TurnOrder(std::ssize(chunks_));
}

void StreamedLayers::announce_all(std::int64_t passes) {
  layer_turns_.restart_cyclic(passes * std::ssize(layers_));
  chunk_turns_.restart_cyclic(passes * std::ssize(chunks_));
}

void StreamedLayers::announce_later(std::int64_t most_passes) {
  layer_turns_.restart(most_passes * std::ssize(layers_));
  chunk_turns_.restart(most_passes * std::ssize(chunks_));
}

void StreamedLayers::announce(const LayerRange& range) {
  const auto at = [&](std::int64_t index) {  // of the first streamed layer from `index` on
    return std::ranges::lower_bound(layers_, index, {}, &LayerLayout::index) - layers_.begin();
  };
  const std::int64_t first = at(range.first), last = std::max(first, at(range.last));
  layer_turns_.append(first, last);
  chunk_turns_.append(first_chunk_[static_cast<std::size_t>(first)],
                      first_chunk_[static_cast<std::size_t>(last)]);
}

void StreamedLayers::unbind() const noexcept {
  for (const LayerLayout& layer : layers_) layer.unbind();
}

}  // namespace chitu::memory
