#include "chitu_core/memory/stream/device_fetch.h"

#include <c10/core/StreamGuard.h>
#include <c10/core/impl/VirtualGuardImpl.h>
#include <spdlog/spdlog.h>

#include "chitu_core/common/log.h"
#include "chitu_core/device/device.h"

namespace chitu::memory {

DeviceFetch::DeviceFetch(const StreamedLayers& layers, const WeightSource& source,
                         c10::Device device, const StreamOptions& options)
    : layers_(layers),
      source_(source),
      device_(device),
      slabs_(allocate_slabs(layers, device, options)),
      host_(ChunkBuffers::allocate(layers, device, options)),
      chunks_(host_.buffers),
      copy_stream_(c10::impl::VirtualGuardImpl(device.type()).getStreamFromGlobalPool(device)),
      threads_(source) {
  make_events();
  threads_.start(chunks_, [] { return true; }, [this](std::int64_t turn) { read_chunk(turn); });
  threads_.start(
      slabs_, [this] { return chunks_.next_to_empty().ready; },
      [this](std::int64_t turn) { copy_layer(turn); });
}

DeviceFetch::~DeviceFetch() {
  threads_.stop();
  wait_for_device();  // queued work may still use the slabs
}

void DeviceFetch::make_events() {
  for (BufferRing::Buffer& slab : slabs_.buffers()) {
    slab.filled.emplace(device_.type());
    // The allocator may have given memory of a freed tensor that queued work still reads.
    slab.released.emplace(device_.type()).record(compute_stream());
  }
  for (BufferRing::Buffer& buffer : chunks_.buffers()) buffer.released.emplace(device_.type());
}

c10::Stream DeviceFetch::compute_stream() const {
  return c10::impl::VirtualGuardImpl(device_.type()).getStream(device_);
}

void DeviceFetch::wait_for_device() const noexcept {
  try {
    device::synchronize(device_);
  } catch (const std::exception& error) {  // queued work failed, so it uses the slabs no longer
    logger("memory")->debug("streamed layers: {}", error.what());
  }
}

void DeviceFetch::cancel(FetchThreads::Lock& lock) noexcept {
  threads_.cancel(lock);
  wait_for_device();
}

void DeviceFetch::begin(StreamObserver* observer) {
  auto lock = threads_.lock();
  cancel(lock);
  threads_.clear_failure();
  waits_.clear();
  report_.set_observer(observer);
  slabs_.restart(layers_.layer_turns());
  chunks_.restart(layers_.chunk_turns());
  threads_.notify();
}

void DeviceFetch::extend() {
  const auto lock = threads_.lock();
  slabs_.extend(layers_.layer_turns());
  chunks_.extend(layers_.chunk_turns());
  threads_.notify();
}

void DeviceFetch::end() noexcept {
  auto lock = threads_.lock();
  cancel(lock);
  waits_.tell_finished(report_);
  report_.set_observer(nullptr);
}

void DeviceFetch::bind(std::int64_t turn) {
  auto lock = threads_.lock();
  const c10::Stream compute = compute_stream();
  const auto begin = StreamEvent::Clock::now();
  std::optional<c10::Event> from;
  if (report_.is_observed()) from = DeviceWaits::mark(compute);
  threads_.wait(lock, [&] { return slabs_.is_ready(turn); });
  BufferRing::Buffer& slab = slabs_.of(turn);
  lock.unlock();  // the simulated device waits within the call
  slab.filled->block(compute);
  lock.lock();
  const LayerLayout& layer = layers_.layer(turn);
  if (from) {
    waits_.add(layer, begin, std::move(*from), DeviceWaits::mark(compute));
    waits_.tell_finished(report_);
  }
  layer.bind(slab.bytes);
}

void DeviceFetch::release(std::int64_t turn) {
  const auto lock = threads_.lock();
  slabs_.of(turn).released->record(compute_stream());
  layers_.layer(turn).unbind();
  slabs_.set_emptied();
  threads_.notify();
}

StreamTraffic DeviceFetch::traffic() const {
  const auto lock = threads_.lock();
  return report_.traffic();
}

void DeviceFetch::read_chunk(std::int64_t turn) {
  BufferRing::Buffer& buffer = chunks_.of(turn);
  buffer.released->synchronize();  // the previous chunk has been copied
  const auto begin = StreamEvent::Clock::now();
  const auto& [layer, part] = layers_.chunk(turn);
  layer->read(*part, source_, buffer.bytes);
  const auto lock = threads_.lock();
  report_.tell(StreamEvent::Kind::disk_read, *layer, part->bytes(), begin);
  chunks_.set_filled(turn);
  threads_.notify();
}

void DeviceFetch::copy_layer(std::int64_t turn) {
  BufferRing::Buffer& slab = slabs_.of(turn);
  const LayerLayout& layer = layers_.layer(turn);
  c10::Event started(device_.type());
  const c10::StreamGuard on_copy_stream(copy_stream_);
  slab.released->block(copy_stream_);
  started.record(copy_stream_);
  if (!queue_copies(turn, slab)) return;
  started.synchronize();
  const auto begin = StreamEvent::Clock::now();
  slab.filled->synchronize();
  const auto lock = threads_.lock();
  report_.tell(StreamEvent::Kind::host_to_device, layer, layer.bytes(), begin);
}

/// Queues the copy of each chunk as soon as it is read. False if the turn is no longer wanted.
bool DeviceFetch::queue_copies(std::int64_t turn, BufferRing::Buffer& slab) {
  const LayerLayout& layer = layers_.layer(turn);
  for (const LayerChunk& chunk : layer.chunks()) {
    if (!wait_for_chunk(turn)) return false;
    BufferRing::Buffer& from = chunks_.next_to_empty();  // only this thread advances it
    host_.copy(chunk, from.bytes, slab.bytes);
    from.released->record(copy_stream_);
    const auto lock = threads_.lock();
    chunks_.set_emptied();
    threads_.notify();
  }
  slab.filled->record(copy_stream_);
  const auto lock = threads_.lock();
  report_.count(layer);
  slabs_.set_filled(turn);
  threads_.notify();
  return true;
}

bool DeviceFetch::wait_for_chunk(std::int64_t turn) {
  auto lock = threads_.lock();
  return threads_.wait_while_wanted(lock, slabs_, turn,
                                    [&] { return chunks_.next_to_empty().ready; });
}

std::unique_ptr<LayerFetch> make_device_fetch(const StreamedLayers& layers,
                                              const WeightSource& source, c10::Device device,
                                              const StreamOptions& options) {
  return std::make_unique<DeviceFetch>(layers, source, device, options);
}

}  // namespace chitu::memory
