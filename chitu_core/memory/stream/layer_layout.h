#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <string>
#include <vector>

#include "chitu_core/memory/module.h"
#include "chitu_core/memory/staging.h"
#include "chitu_core/memory/weight_source.h"

namespace chitu::memory {

/// One weight of a layer and its place in the layer's slab.
struct LayerPiece {
  std::string name;  ///< in the source
  Parameter* parameter;
  std::int64_t offset_bytes;

  /// A view of the weight in a slab: uint8 [bytes of the layer].
  at::Tensor in(const at::Tensor& slab) const;
};

/// Rows of a piece's first dimension that are read at once.
struct LayerRun {
  std::size_t piece;
  std::int64_t first_row, rows;
  std::int64_t offset_bytes;  ///< in the slab
};

/// A part of a slab that is read, and copied to a device, at once.
struct LayerChunk {
  std::vector<LayerRun> runs{};
  std::int64_t base = 0;            ///< aligned place in the slab where the chunk's buffer begins
  std::int64_t begin = 0, end = 0;  ///< bytes of the slab; the chunks of a layer cover all of it

  std::int64_t bytes() const { return end - begin; }
  std::int64_t buffer_bytes() const { return end - base; }
};

/// How a layer's weights are packed into one slab, each aligned like libtorch's own allocations,
/// and in which chunks they are read.
class LayerLayout {
 public:
  /// name         of the layer in the source
  /// index        of the layer in its component
  /// module       its dtypes are set (set_dtypes)
  /// chunk_bytes  most bytes of a chunk, unless a single row has more
  /// throws       Error for a weight that is not contiguous
  LayerLayout(const std::string& name, std::int64_t index, Module& module,
              std::int64_t chunk_bytes = kStagingBytes);

  std::int64_t index() const { return index_; }
  std::int64_t bytes() const { return bytes_; }
  const std::vector<LayerPiece>& pieces() const { return pieces_; }
  const std::vector<LayerChunk>& chunks() const { return chunks_; }

  /// Fills the host buffer of a chunk: uint8, byte 0 is byte `chunk.base` of the slab.
  void read(const LayerChunk& chunk, const WeightSource& source, const at::Tensor& buffer) const;
  /// Fills a whole slab on the host.
  void read(const WeightSource& source, const at::Tensor& slab) const;

  /// Makes the layer's parameters views of the slab.
  void bind(const at::Tensor& slab) const;
  bool is_bound() const;
  void unbind() const noexcept;

 private:
  void cut(std::size_t piece);

  std::int64_t index_;
  std::int64_t chunk_bytes_;
  std::int64_t bytes_ = 0;
  std::vector<LayerPiece> pieces_;
  std::vector<LayerChunk> chunks_;
};

}  // namespace chitu::memory
