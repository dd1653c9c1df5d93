#include "chitu_core/memory/stream/stream_buffers.h"

#include <ATen/ATen.h>

#include "chitu_core/device/pinned.h"
#include "chitu_core/device/traffic.h"

namespace chitu::memory {
namespace {

constexpr int kChunkBuffers = 2;

at::Tensor allocate_bytes(std::int64_t bytes, c10::Device device) {
  return at::empty({bytes}, at::TensorOptions().dtype(at::kByte).device(device));
}

}  // namespace

std::vector<at::Tensor> allocate_slabs(const StreamedLayers& layers, c10::Device device,
                                       const StreamOptions& options) {
  std::vector<at::Tensor> slabs;
  for (int i = 0; i < options.slabs; ++i)
    slabs.push_back(allocate_bytes(layers.slab_bytes(), device));
  return slabs;
}

ChunkBuffers ChunkBuffers::allocate(const StreamedLayers& layers, c10::Device device,
                                    const StreamOptions& options) {
  const std::int64_t each = layers.buffer_bytes(), bytes = kChunkBuffers * each;
  const device::HostBuffer all = device::host_buffer(bytes, device, options.pin_memory);
  ChunkBuffers made{{}, all.pinned};
  for (int i = 0; i < kChunkBuffers; ++i)
    made.buffers.push_back(all.bytes.narrow(0, i * each, each));
  return made;
}

void ChunkBuffers::copy(const LayerChunk& chunk, const at::Tensor& buffer,
                        const at::Tensor& slab) const {
  slab.narrow(0, chunk.begin, chunk.bytes())
      .copy_(buffer.narrow(0, chunk.begin - chunk.base, chunk.bytes()), pinned);
  device::count_copy(c10::kCPU, slab.device(), chunk.bytes());
}

}  // namespace chitu::memory
