#pragma once

#include <c10/core/Stream.h>

#include "chitu_core/memory/stream/buffer_ring.h"
#include "chitu_core/memory/stream/device_waits.h"
#include "chitu_core/memory/stream/fetch_threads.h"
#include "chitu_core/memory/stream/layer_fetch.h"
#include "chitu_core/memory/stream/stream_buffers.h"

namespace chitu::memory {

/// Copies layers to a device. One thread reads chunks into two host buffers in turn; a second one
/// queues their copies into slabs on a copy stream, so disk, copies and computation overlap. Copies
/// and computation wait for each other by events in the device's queues: the model's thread waits
/// until a copy is queued, never until it is done.
class DeviceFetch final : public LayerFetch {
 public:
  DeviceFetch(const StreamedLayers& layers, const WeightSource& source, c10::Device device,
              const StreamOptions& options);
  ~DeviceFetch() override;

  void begin(StreamObserver* observer) override;
  void extend() override;
  void end() noexcept override;
  void bind(std::int64_t turn) override;
  void release(std::int64_t turn) override;
  StreamTraffic traffic() const override;

 private:
  void make_events();
  void read_chunk(std::int64_t turn);
  void copy_layer(std::int64_t turn);
  bool queue_copies(std::int64_t turn, BufferRing::Buffer& slab);
  bool wait_for_chunk(std::int64_t turn);
  void cancel(FetchThreads::Lock& lock) noexcept;
  void wait_for_device() const noexcept;
  c10::Stream compute_stream() const;

  const StreamedLayers& layers_;
  const WeightSource& source_;
  c10::Device device_;
  BufferRing slabs_;
  ChunkBuffers host_;
  BufferRing chunks_;  ///< the host buffers
  c10::Stream copy_stream_;
  StreamReport report_;
  DeviceWaits waits_;
  FetchThreads threads_;  // the last member: they end before what they use is destroyed
};

}  // namespace chitu::memory
