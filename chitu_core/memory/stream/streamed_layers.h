#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "chitu_core/memory/layer_range.h"
#include "chitu_core/memory/module.h"
#include "chitu_core/memory/stream/layer_layout.h"
#include "chitu_core/memory/stream/turn_order.h"

namespace chitu::memory {

/// The layers of a module that are streamed, and the chunks in which their weights move. Turns
/// are counted across passes. In passes over all layers turn t is layer t modulo the number of
/// layers; where passes skip layers, their turns are those that were announced. The same holds for
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

  /// The turns of so many passes over all layers follow. Not while layers are fetched.
  void announce_all(std::int64_t passes);
  /// The turns that announce() adds follow, of at most so many passes. Not while layers are
  /// fetched.
  void announce_later(std::int64_t most_passes);
  /// One more pass, over these layers of the module.
  void announce(const LayerRange& range);
  std::int64_t layer_turns() const { return layer_turns_.turns(); }
  std::int64_t chunk_turns() const { return chunk_turns_.turns(); }
  const LayerLayout& layer(std::int64_t turn) const { return layers_[layer_turns_.item(turn)]; }
  const Chunk& chunk(std::int64_t turn) const { return chunks_[chunk_turns_.item(turn)]; }
  /// Bytes of the largest layer.
  std::int64_t slab_bytes() const { return slab_bytes_; }
  /// Bytes of the largest chunk, from its aligned base.
  std::int64_t buffer_bytes() const { return buffer_bytes_; }
  /// Drops every tensor that is bound to a slab.
  void unbind() const noexcept;

 private:
  std::vector<bool> streamed_;  ///< for every layer of the module
  std::vector<LayerLayout> layers_;
  std::vector<Chunk> chunks_;                 ///< of all streamed layers, in order
  std::vector<std::int64_t> first_chunk_{0};  ///< of each streamed layer; then their number
  TurnOrder layer_turns_, chunk_turns_;
  std::int64_t slab_bytes_ = 0;
  std::int64_t buffer_bytes_ = 0;
};

}  // namespace chitu::memory
