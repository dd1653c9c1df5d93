#include "chitu_core/memory/layer_stream.h"

#include <ATen/ATen.h>
#include <c10/core/InferenceMode.h>
#include <c10/core/StreamGuard.h>
#include <c10/core/impl/VirtualGuardImpl.h>
#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <algorithm>

#include "chitu_core/common/bytes.h"
#include "chitu_core/common/error.h"
#include "chitu_core/common/log.h"
#include "chitu_core/common/thread.h"
#include "chitu_core/device/compute_threads.h"
#include "chitu_core/device/device.h"
#include "chitu_core/device/pinned.h"
#include "chitu_core/device/planning.h"
#include "chitu_core/device/traffic.h"

namespace chitu::memory {
namespace {

constexpr int kHostBuffers = 2;  // one is read into while the other is copied from

}  // namespace

LayerStream::LayerStream(Passive, Layers layers, const WeightSource& source, c10::Device device,
                         const StreamOptions& options)
    : source_(source), device_(device), planned_(device::planning()) {
  const SpreadLayers resident{options.resident_layers, static_cast<std::int64_t>(layers.size())};
  for (const auto& [name, module] : layers) {
    const auto index = static_cast<std::int64_t>(streamed_.size());
    streamed_.push_back(!resident(index));
    if (streamed_.back()) layers_.emplace_back(name, index, *module);
  }
  if (layers_.empty()) return;
  for (const LayerLayout& layer : layers_) {
    slab_bytes_ = std::max(slab_bytes_, layer.bytes());
    for (const LayerChunk& chunk : layer.chunks()) chunks_.push_back({&layer, &chunk});
  }
  make_slots(options);
}

void LayerStream::start_threads() {
  if (planned_ || layers_.empty()) return;
  if (on_host_.slots.empty()) {
    threads_.push_back(start_thread([this] {
      work_off(on_device_, [] { return true; }, [this](auto turn) { read_layer(turn); });
    }));
    return;
  }
  copy_stream_ = c10::impl::VirtualGuardImpl(device_.type()).getStreamFromGlobalPool(device_);
  for (Slot& slot : on_device_.slots) {
    slot.filled.emplace(device_.type());
    // The memory may be that of a tensor which queued work still reads.
    slot.free.emplace(device_.type()).record(compute_stream());
  }
  for (Slot& slot : on_host_.slots) slot.free.emplace(device_.type());
  const auto is_read = [this] { return on_host_.of(on_host_.emptied).ready; };
  threads_.push_back(start_thread([this] {
    work_off(on_host_, [] { return true; }, [this](auto turn) { read_chunk(turn); });
  }));
  threads_.push_back(start_thread(
      [=, this] { work_off(on_device_, is_read, [this](auto turn) { copy_layer(turn); }); }));
}

LayerStream::~LayerStream() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  changed_.notify_all();
  threads_.clear();  // joins them
  wait_for_device();
  for (const LayerLayout& layer : layers_)
    for (const LayerPiece& piece : layer.pieces()) piece.parameter->tensor.reset();
}

/// What was queued may still use the slabs.
void LayerStream::wait_for_device() noexcept {
  if (!copy_stream_) return;
  try {
    device::synchronize(device_);
  } catch (const std::exception& error) {  // of work that failed: nothing uses them any more
    logger("memory")->debug("streamed layers: {}", error.what());
  }
}

void LayerStream::make_slots(const StreamOptions& options) {
  const auto bytes = at::TensorOptions().dtype(at::kByte);
  for (int i = 0; i < options.slots; ++i)
    on_device_.slots.emplace_back().bytes = at::empty({slab_bytes_}, bytes.device(device_));
  if (device::is_host(device_)) return;
  std::int64_t buffer = 0;
  for (const Chunk& chunk : chunks_) buffer = std::max(buffer, chunk.part->end - chunk.part->base);
  const at::Tensor all = host_memory(kHostBuffers * buffer, options.pin_memory);
  for (int i = 0; i < kHostBuffers; ++i)
    on_host_.slots.emplace_back().bytes = all.narrow(0, i * buffer, buffer);
}

at::Tensor LayerStream::host_memory(std::int64_t bytes, bool pinned) {
  if (pinned) {
    try {
      const at::Tensor memory = device::pinned_memory(bytes, device_);
      pinned_ = true;
      return memory;
    } catch (const c10::Error& error) {
      logger("memory")->warn(
          "cannot pin {} of host memory, so layers go to {} through pageable memory, which is "
          "slower; infer.pin_memory=false leaves this out: {}",
          format_bytes(bytes), device_.str(), error.what_without_backtrace());
    }
  }
  return at::empty({bytes}, at::TensorOptions().dtype(at::kByte).device(device::host()));
}

/// Starts nothing new, and waits until threads and device have done what was begun.
void LayerStream::settle(std::unique_lock<std::mutex>& lock) noexcept {
  on_host_.announced = on_device_.announced = 0;
  changed_.notify_all();
  changed_.wait(lock, [&] { return busy_ == 0; });
  wait_for_device();
}

void LayerStream::begin_passes(std::int64_t passes, StreamObserver* observer) {
  std::unique_lock lock(mutex_);
  settle(lock);
  for (Stage* stage : {&on_host_, &on_device_}) {
    for (Slot& slot : stage->slots) slot.ready = false;
    stage->filled = stage->emptied = 0;
  }
  failure_ = nullptr;
  stalls_.clear();
  observer_ = observer;
  on_device_.announced = passes * std::ssize(layers_);
  on_host_.announced = passes * std::ssize(chunks_);
  changed_.notify_all();
}

void LayerStream::end_passes() noexcept {
  std::unique_lock lock(mutex_);
  settle(lock);
  tell_stalls();
  observer_ = nullptr;
}

void LayerStream::tell(StreamEvent::Kind kind, const LayerLayout& layer, std::int64_t bytes,
                       StreamEvent::Clock::time_point begin) {
  if (observer_)
    observer_->streamed({kind, layer.index(), bytes, begin, StreamEvent::Clock::now()});
}

void LayerStream::tell_stalls() noexcept {
  try {
    for (; !stalls_.empty() && stalls_.front().to.query(); stalls_.pop_front()) {
      const Stall& stall = stalls_.front();
      const auto lasted = std::chrono::duration_cast<StreamEvent::Clock::duration>(
          std::chrono::duration<double, std::milli>(stall.from.elapsedTime(stall.to)));
      const LayerLayout& layer = layer_of(stall.turn);
      observer_->streamed({StreamEvent::Kind::wait, layer.index(), layer.bytes(), stall.begin,
                           stall.begin + lasted});
    }
  } catch (const std::exception& error) {  // of the device; its next call will say so itself
    stalls_.clear();
    logger("memory")->debug("streamed layers: {}", error.what());
  }
}

void LayerStream::before_layer(std::int64_t index) {
  if (!streamed_.at(static_cast<std::size_t>(index))) return;
  std::unique_lock lock(mutex_);
  const std::int64_t turn = on_device_.emptied;
  const LayerLayout& layer = layer_of(turn);
  if (turn >= on_device_.announced || layer.index() != index)
    throw Error(fmt::format("layer {} was not announced to the stream of weights", index));
  Slot& slot = on_device_.of(turn);
  const auto begin = StreamEvent::Clock::now();
  if (planned_) bring_planned(layer);
  std::optional<c10::Event> from;
  if (copy_stream_ && observer_)
    from.emplace(device_.type(), c10::EventFlag::BACKEND_DEFAULT).record(compute_stream());
  changed_.wait(lock, [&] { return planned_ || (slot.ready && slot.turn == turn) || failure_; });
  if (failure_) std::rethrow_exception(failure_);
  if (copy_stream_)
    wait_in_queue(turn, begin, std::move(from), lock);
  else
    tell(StreamEvent::Kind::wait, layer, layer.bytes(), begin);
  bind(layer, slot.bytes);
}

/// In a plan a layer stays bound to the slab that it had first: slabs are alike, and views take
/// time.
void LayerStream::bind(const LayerLayout& layer, const at::Tensor& slab) const {
  for (const LayerPiece& piece : layer.pieces())
    if (!planned_ || !piece.parameter->tensor.defined()) piece.parameter->tensor = piece.in(slab);
}

/// The device's own wait for a copy that is queued, and how long it will have been.
void LayerStream::wait_in_queue(std::int64_t turn, StreamEvent::Clock::time_point begin,
                                std::optional<c10::Event> from,
                                std::unique_lock<std::mutex>& lock) {
  const c10::Stream compute = compute_stream();
  lock.unlock();  // the simulated device waits within the call
  on_device_.of(turn).filled->block(compute);
  lock.lock();
  if (!from) return;
  c10::Event to(device_.type(), c10::EventFlag::BACKEND_DEFAULT);
  to.record(compute);
  stalls_.push_back({turn, begin, std::move(*from), std::move(to)});
  tell_stalls();
}

void LayerStream::after_layer(std::int64_t index) {
  if (!streamed_.at(static_cast<std::size_t>(index))) return;
  const std::lock_guard lock(mutex_);
  const std::int64_t turn = on_device_.emptied;
  Slot& slot = on_device_.of(turn);
  if (slot.free) slot.free->record(compute_stream());  // the slab is written over next
  if (!planned_)
    for (const LayerPiece& piece : layer_of(turn).pieces()) piece.parameter->tensor.reset();
  slot.ready = false;
  ++on_device_.emptied;
  changed_.notify_all();
}

c10::Stream LayerStream::compute_stream() const {
  return c10::impl::VirtualGuardImpl(device_.type()).getStream(device_);
}

void LayerStream::work_off(Stage& stage, const std::function<bool()>& is_fed,
                           const std::function<void(std::int64_t)>& work) {
  const c10::InferenceMode inference;
  device::start_compute_threads_or_go_alone();
  const auto can_go = [&] {
    return stage.filled < stage.announced && stage.has_room() && !failure_ && is_fed();
  };
  std::unique_lock lock(mutex_);
  while (true) {
    changed_.wait(lock, [&] { return stop_ || can_go(); });
    if (stop_) return;
    const std::int64_t turn = stage.filled;
    ++busy_;
    lock.unlock();
    std::exception_ptr failure;
    try {
      work(turn);
    } catch (...) {
      failure = std::current_exception();
    }
    lock.lock();
    --busy_;
    if (failure) failure_ = failure;
    changed_.notify_all();
  }
}

void LayerStream::read_layer(std::int64_t turn) {
  const auto begin = StreamEvent::Clock::now();
  const LayerLayout& layer = layer_of(turn);
  const at::Tensor& slab = on_device_.of(turn).bytes;
  for (const LayerChunk& chunk : layer.chunks())
    layer.read(chunk, source_, slab.narrow(0, chunk.base, chunk.end - chunk.base));
  const std::lock_guard lock(mutex_);
  tell(StreamEvent::Kind::disk_read, layer, layer.bytes(), begin);
  hand_over(on_device_, turn);
}

void LayerStream::read_chunk(std::int64_t turn) {
  Slot& slot = on_host_.of(turn);
  slot.free->synchronize();  // until the chunk before it has left
  const auto begin = StreamEvent::Clock::now();
  const Chunk& chunk = chunk_of(turn);
  chunk.layer->read(*chunk.part, source_, slot.bytes);
  const std::lock_guard lock(mutex_);
  tell(StreamEvent::Kind::disk_read, *chunk.layer, chunk.part->end - chunk.part->begin, begin);
  hand_over(on_host_, turn);
}

/// Queues the copies of a layer behind what computes with its slot, as soon as its chunks are read.
void LayerStream::copy_layer(std::int64_t turn) {
  Slot& to = on_device_.of(turn);
  const LayerLayout& layer = layer_of(turn);
  c10::Event started(device_.type());
  const c10::StreamGuard on_lane(*copy_stream_);
  to.free->block(*copy_stream_);
  started.record(*copy_stream_);
  for (const LayerChunk& chunk : layer.chunks()) {
    if (!wait_for_chunk(turn)) return;
    Slot& from = on_host_.of(on_host_.emptied);  // which this thread alone counts up
    copy_chunk(chunk, from.bytes, to.bytes);
    from.free->record(*copy_stream_);
    const std::lock_guard lock(mutex_);
    from.ready = false;
    ++on_host_.emptied;
    changed_.notify_all();
  }
  to.filled->record(*copy_stream_);
  {
    const std::lock_guard lock(mutex_);
    hand_over(on_device_, turn);
  }
  started.synchronize();
  const auto begin = StreamEvent::Clock::now();
  to.filled->synchronize();
  const std::lock_guard lock(mutex_);
  tell(StreamEvent::Kind::host_to_device, layer, layer.bytes(), begin);
}

/// False when the turn is no longer wanted.
bool LayerStream::wait_for_chunk(std::int64_t turn) {
  std::unique_lock lock(mutex_);
  const auto given_up = [&] { return stop_ || failure_ || turn >= on_device_.announced; };
  const Slot& slot = on_host_.of(on_host_.emptied);
  changed_.wait(lock, [&] { return slot.ready || given_up(); });
  return !given_up();
}

/// Whoever waits for the turn's slot may have it.
void LayerStream::hand_over(Stage& stage, std::int64_t turn) {
  Slot& slot = stage.of(turn);
  slot.turn = turn;
  slot.ready = true;
  ++stage.filled;
  if (&stage == &on_device_) count_brought(layer_of(turn));
  changed_.notify_all();
}

void LayerStream::count_brought(const LayerLayout& layer) {
  ++traffic_.layers;
  traffic_.bytes += layer.bytes();
}

void LayerStream::copy_chunk(const LayerChunk& chunk, const at::Tensor& from,
                             const at::Tensor& slab) const {
  const std::int64_t bytes = chunk.end - chunk.begin;
  slab.narrow(0, chunk.begin, bytes)
      .copy_(from.narrow(0, chunk.begin - chunk.base, bytes), pinned_);
  device::count_copy(c10::kCPU, device_, bytes);
}

/// What the threads would have done by now.
void LayerStream::bring_planned(const LayerLayout& layer) {
  brought_.run({layer.index()}, [&] { read_planned(layer); });
  count_brought(layer);
}

void LayerStream::read_planned(const LayerLayout& layer) {
  const at::Tensor& slab = on_device_.of(on_device_.emptied).bytes;
  for (const LayerChunk& chunk : layer.chunks()) {
    if (on_host_.slots.empty()) {
      layer.read(chunk, source_, slab.narrow(0, chunk.base, chunk.end - chunk.base));
    } else {
      const at::Tensor& buffer = on_host_.slots.front().bytes;
      layer.read(chunk, source_, buffer);
      copy_chunk(chunk, buffer, slab);
    }
  }
}

LayerStream::Traffic LayerStream::traffic() const {
  const std::lock_guard lock(mutex_);
  return traffic_;
}

}  // namespace chitu::memory
