#include "chitu_core/memory/stream/stream_buffers.h"

#include <ATen/ATen.h>
#include <spdlog/spdlog.h>

#include "chitu_core/common/bytes.h"
#include "chitu_core/common/log.h"
#include "chitu_core/device/dry_run.h"
#include "chitu_core/device/pinned.h"
#include "chitu_core/device/traffic.h"

namespace chitu::memory {
namespace {

constexpr int kChunkBuffers = 2;

at::Tensor allocate_bytes(std::int64_t bytes, c10::Device device) {
  return at::empty({bytes}, at::TensorOptions().dtype(at::kByte).device(device));
}

/// Undefined if the memory cannot be pinned.
at::Tensor try_to_pin(std::int64_t bytes, c10::Device device) {
  try {
    return device::pinned_memory(bytes, device);
  } catch (const c10::Error& error) {
    logger("memory")->warn(
        "cannot pin {} of host memory, so layers go to {} through pageable memory, which is "
        "slower; infer.pin_memory=false leaves this out: {}",
        format_bytes(bytes), device.str(), error.what_without_backtrace());
    return {};
  }
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
  at::Tensor all = options.pin_memory ? try_to_pin(bytes, device) : at::Tensor();
  const bool pinned = all.defined();
  if (!pinned) all = allocate_bytes(bytes, device::host());
  ChunkBuffers made{{}, pinned};
  for (int i = 0; i < kChunkBuffers; ++i) made.buffers.push_back(all.narrow(0, i * each, each));
  return made;
}

void ChunkBuffers::copy(const LayerChunk& chunk, const at::Tensor& buffer,
                        const at::Tensor& slab) const {
  slab.narrow(0, chunk.begin, chunk.bytes())
      .copy_(buffer.narrow(0, chunk.begin - chunk.base, chunk.bytes()), pinned);
  device::count_copy(c10::kCPU, slab.device(), chunk.bytes());
}

}  // namespace chitu::memory
