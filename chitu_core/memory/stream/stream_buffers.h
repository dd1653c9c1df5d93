#pragma once

#include <ATen/core/Tensor.h>

#include <vector>

#include "chitu_core/memory/stream/stream_options.h"
#include "chitu_core/memory/stream/streamed_layers.h"

namespace chitu::memory {

/// Device memory for whole layers: options.slabs tensors, uint8 [slab_bytes].
std::vector<at::Tensor> allocate_slabs(const StreamedLayers& layers, c10::Device device,
                                       const StreamOptions& options);

/// Host memory that chunks pass through on their way to a device: uint8 [buffer_bytes] each. One
/// is read into while the other is copied from.
struct ChunkBuffers {
  std::vector<at::Tensor> buffers;
  bool pinned = false;  ///< copies from them are asynchronous

  /// Pinned if the options ask for it and the system allows it; logs a warning if it does not.
  ///
  /// throws  OutOfMemoryError
  static ChunkBuffers allocate(const StreamedLayers& layers, c10::Device device,
                               const StreamOptions& options);
  /// Copies a chunk from a buffer to its place in a slab, on the current stream of the slab's
  /// device.
  void copy(const LayerChunk& chunk, const at::Tensor& buffer, const at::Tensor& slab) const;
};

}  // namespace chitu::memory
