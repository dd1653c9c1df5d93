#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <string>
#include <vector>

#include "chitu_core/memory/module.h"
#include "chitu_core/memory/weight_source.h"

namespace chitu::memory {

/// One weight of a layer and its place in the layer's slab.
struct LayerPiece {
  std::string name;  ///< in the source
  Parameter* parameter;
  std::int64_t offset_bytes;

  /// The weight as it lies in a slab: uint8 [layer's bytes].
  at::Tensor in(const at::Tensor& slab) const;
};

/// Rows of a piece's first dimension that are read at once.
struct LayerRun {
  std::size_t piece;
  std::int64_t first_row, rows;
  std::int64_t offset_bytes;  ///< in the slab
};

/// A part of a slab that is read, and goes to a device, at once.
struct LayerChunk {
  std::vector<LayerRun> runs{};
  std::int64_t base = 0;            ///< in the slab: where a buffer for the chunk begins, aligned
  std::int64_t begin = 0, end = 0;  ///< bytes of the slab; the chunks of a layer cover all of it
};

/// Most bytes of a chunk, unless one row alone has more: enough that a copy runs at the link's full
/// rate, and a power of two because pinned memory comes in these.
inline constexpr std::int64_t kChunkBytes = 64 << 20;

/// How a layer's weights lie packed in one slab, each aligned as libtorch's own allocations are,
/// and in which chunks they are brought there. The dtypes of the module are set (set_dtypes).
class LayerLayout {
 public:
  /// name   of the layer in the source
  /// index  of the layer among all of its component
  /// throws  Error for a weight that is not contiguous
  LayerLayout(const std::string& name, std::int64_t index, Module& module,
              std::int64_t chunk_bytes = kChunkBytes);

  std::int64_t index() const { return index_; }
  std::int64_t bytes() const { return bytes_; }
  const std::vector<LayerPiece>& pieces() const { return pieces_; }
  const std::vector<LayerChunk>& chunks() const { return chunks_; }

  /// Fills a chunk's buffer of the host: uint8, of which byte 0 is `chunk.base` of the slab.
  void read(const LayerChunk& chunk, const WeightSource& source, const at::Tensor& buffer) const;

 private:
  void cut(std::size_t piece);

  std::int64_t index_;
  std::int64_t chunk_bytes_;
  std::int64_t bytes_ = 0;
  std::vector<LayerPiece> pieces_;
  std::vector<LayerChunk> chunks_;
};

}  // namespace chitu::memory
