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
  }
}

void StreamedLayers::unbind() const noexcept {
  for (const LayerLayout& layer : layers_) layer.unbind();
}

}  // namespace chitu::memory
