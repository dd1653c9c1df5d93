#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "chitu_core/memory/module.h"
#include "chitu_core/memory/stream/layer_layout.h"

namespace chitu::memory {

/// The layers of a module that are streamed, and the chunks in which their weights move. Turns
/// are counted across passes: turn t is layer t modulo the number of layers. The same holds for
/// chunks.
class StreamedLayers {
 public:
  using Layers = std::vector<std::pair<std::string, Module*>>;
  struct Chunk {
    const LayerLayout* layer;
    const LayerChunk* part;
  };

  /// layers           name in the weight source, and module, which outlives this
  /// resident_layers  are left out; see SpreadLayers
  /// throws           Error for a weight that is not contiguous
  StreamedLayers(const Layers& layers, std::int64_t resident_layers);
  StreamedLayers(const StreamedLayers&) = delete;
  StreamedLayers& operator=(const StreamedLayers&) = delete;

  bool empty() const { return layers_.empty(); }
  /// Whether the module's layer `index` is streamed. Throws std::out_of_range.
  bool contains(std::int64_t index) const { return streamed_.at(static_cast<std::size_t>(index)); }
  std::int64_t layer_count() const { return std::ssize(layers_); }
  std::int64_t chunk_count() const { return std::ssize(chunks_); }
  const LayerLayout& layer(std::int64_t turn) const {
    return layers_[static_cast<std::size_t>(turn) % layers_.size()];
  }
  const Chunk& chunk(std::int64_t turn) const {
    return chunks_[static_cast<std::size_t>(turn) % chunks_.size()];
  }
  /// Bytes of the largest layer.
  std::int64_t slab_bytes() const { return slab_bytes_; }
  /// Bytes of the largest chunk, from its aligned base.
  std::int64_t buffer_bytes() const { return buffer_bytes_; }
  /// Drops every tensor that is bound to a slab.
  void unbind() const noexcept;

 private:
  std::vector<bool> streamed_;  ///< for every layer of the module
  std::vector<LayerLayout> layers_;
  std::vector<Chunk> chunks_;  ///< of all streamed layers, in order
  std::int64_t slab_bytes_ = 0;
  std::int64_t buffer_bytes_ = 0;
};

}  // namespace chitu::memory
