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
#include "chitu_core/device/device.h"
#include "chitu_core/device/pinned.h"
#include "chitu_core/device/planning.h"
#include "chitu_core/device/traffic.h"

namespace chitu::memory {
namespace {

constexpr std::int64_t kAlignment = 64;  // that of libtorch's own allocations

std::int64_t aligned(std::int64_t bytes) {
  return (bytes + kAlignment - 1) / kAlignment * kAlignment;
}

}  // namespace

LayerStream::LayerStream(Layers layers, const WeightSource &source, c10::Device device,
                         const StreamOptions &options)
    : source_(source), device_(device), planned_(device::planning()) {
  const SpreadLayers resident{options.resident_layers, static_cast<std::int64_t>(layers.size())};
  for (const auto &[name, module] : layers) {
    const auto index = static_cast<std::int64_t>(streamed_.size());
    streamed_.push_back(!resident(index));
    if (streamed_.back()) plan_layer(index, name + ".", *module);
  }
  if (layers_.empty()) return;
  make_slabs(options);
  if (!planned_) start_threads();
}

void LayerStream::start_threads() {
  if (on_host_.slots.empty()) {
    threads_.emplace_back([this] {
      work_off(
          on_device_, [] { return true; }, [this](auto turn) { read_turn(on_device_, turn); });
    });
    return;
  }
  copy_stream_ = c10::impl::VirtualGuardImpl(device_.type()).getStreamFromGlobalPool(device_);
  for (Slot &slot : on_device_.slots) {
    slot.filled.emplace(device_.type());
    // The memory may be that of a tensor which queued work still reads.
    slot.free.emplace(device_.type()).record(compute_stream());
  }
  const auto is_read = [this] {
    const Slot &slot = on_host_.of(on_device_.filled);
    return slot.ready && slot.turn == on_device_.filled;
  };
  threads_.emplace_back([this] {
    work_off(
        on_host_, [] { return true; }, [this](auto turn) { read_turn(on_host_, turn); });
  });
  threads_.emplace_back(
      [=, this] { work_off(on_device_, is_read, [this](auto turn) { copy_turn(turn); }); });
}

LayerStream::~LayerStream() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  changed_.notify_all();
  for (std::thread &thread : threads_) thread.join();
  wait_for_device();
  for (const Layer &layer : layers_)
    for (const Piece &piece : layer.pieces) piece.parameter->tensor.reset();
}

/// What was queued may still use the slabs.
void LayerStream::wait_for_device() noexcept {
  if (!copy_stream_) return;
  try {
    device::synchronize(device_);
  } catch (const std::exception &error) {  // of work that failed: nothing uses them any more
    logger("memory")->debug("streamed layers: {}", error.what());
  }
}

void LayerStream::make_slabs(const StreamOptions &options) {
  const auto bytes = at::TensorOptions().dtype(at::kByte);
  for (int i = 0; i < options.slots; ++i)
    on_device_.slots.emplace_back().slab = at::empty({slab_bytes_}, bytes.device(device_));
  if (device::is_host(device_)) return;
  const at::Tensor all = host_slabs(options.slots * slab_bytes_, options.pin_memory);
  for (int i = 0; i < options.slots; ++i)
    on_host_.slots.emplace_back().slab = all.narrow(0, i * slab_bytes_, slab_bytes_);
}

at::Tensor LayerStream::host_slabs(std::int64_t bytes, bool pinned) {
  if (pinned) {
    try {
      const at::Tensor slabs = device::pinned_memory(bytes, device_);
      pinned_ = true;
      return slabs;
    } catch (const c10::Error &error) {
      logger("memory")->warn(
          "cannot pin {} of host memory, so layers go to {} through pageable memory, which is "
          "slower; infer.pin_memory=false leaves this out: {}",
          format_bytes(bytes), device_.str(), error.what_without_backtrace());
    }
  }
  return at::empty({bytes}, at::TensorOptions().dtype(at::kByte).device(device::host()));
}

void LayerStream::plan_layer(std::int64_t index, const std::string &name, Module &module) {
  Layer &layer = layers_.emplace_back(Layer{index});
  module.visit_parameters([&](const std::string &parameter_name, Parameter &parameter) {
    if (parameter.memory_format != at::MemoryFormat::Contiguous)
      throw Error("cannot stream " + name + parameter_name + ": its weights are not contiguous");
    layer.pieces.push_back({name + parameter_name, &parameter, layer.bytes});
    layer.bytes += aligned(parameter.stored_bytes());
  });
  slab_bytes_ = std::max(slab_bytes_, layer.bytes);
}

at::Tensor LayerStream::piece_of(const at::Tensor &slab, const Piece &piece) const {
  return slab.narrow(0, piece.offset_bytes, piece.parameter->stored_bytes())
      .view(piece.parameter->stored)
      .view(piece.parameter->shape);
}

/// Starts nothing new, and waits until threads and device have done what was begun.
void LayerStream::settle(std::unique_lock<std::mutex> &lock) noexcept {
  last_turn_ = 0;
  changed_.wait(lock, [&] { return busy_ == 0; });
  wait_for_device();
}

void LayerStream::begin_passes(std::int64_t passes, StreamObserver *observer) {
  std::unique_lock lock(mutex_);
  settle(lock);
  for (Stage *stage : {&on_host_, &on_device_}) {
    for (Slot &slot : stage->slots) slot.ready = false;
    stage->filled = stage->emptied = 0;
  }
  failure_ = nullptr;
  stalls_.clear();
  observer_ = observer;
  last_turn_ = passes * static_cast<std::int64_t>(layers_.size());
  changed_.notify_all();
}

void LayerStream::end_passes() noexcept {
  std::unique_lock lock(mutex_);
  settle(lock);
  tell_stalls();
  observer_ = nullptr;
}

void LayerStream::tell(StreamEvent::Kind kind, std::int64_t turn,
                       StreamEvent::Clock::time_point begin) {
  if (!observer_) return;
  const Layer &layer = layer_of(turn);
  observer_->streamed({kind, layer.index, layer.bytes, begin, StreamEvent::Clock::now()});
}

void LayerStream::tell_stalls() noexcept {
  try {
    for (; !stalls_.empty() && stalls_.front().to.query(); stalls_.pop_front()) {
      const Stall &stall = stalls_.front();
      const auto lasted = std::chrono::duration_cast<StreamEvent::Clock::duration>(
          std::chrono::duration<double, std::milli>(stall.from.elapsedTime(stall.to)));
      const Layer &layer = layer_of(stall.turn);
      observer_->streamed(
          {StreamEvent::Kind::wait, layer.index, layer.bytes, stall.begin, stall.begin + lasted});
    }
  } catch (const std::exception &error) {  // of the device; its next call will say so itself
    stalls_.clear();
    logger("memory")->debug("streamed layers: {}", error.what());
  }
}

void LayerStream::before_layer(std::int64_t index) {
  if (!streamed_.at(static_cast<std::size_t>(index))) return;
  std::unique_lock lock(mutex_);
  const std::int64_t turn = on_device_.emptied;
  if (turn >= last_turn_ || layer_of(turn).index != index)
    throw Error(fmt::format("layer {} was not announced to the stream of weights", index));
  Slot &slot = on_device_.of(turn);
  const auto begin = StreamEvent::Clock::now();
  if (planned_) bring_planned(layer_of(turn));
  std::optional<c10::Event> from;
  if (copy_stream_ && observer_)
    from.emplace(device_.type(), c10::EventFlag::BACKEND_DEFAULT).record(compute_stream());
  changed_.wait(lock, [&] { return planned_ || (slot.ready && slot.turn == turn) || failure_; });
  if (failure_) std::rethrow_exception(failure_);
  if (copy_stream_)
    wait_in_queue(turn, begin, std::move(from), lock);
  else
    tell(StreamEvent::Kind::wait, turn, begin);
  for (const Piece &piece : layer_of(turn).pieces)
    piece.parameter->tensor = piece_of(slot.slab, piece);
}

/// The device's own wait for a copy that is queued, and how long it will have been.
void LayerStream::wait_in_queue(std::int64_t turn, StreamEvent::Clock::time_point begin,
                                std::optional<c10::Event> from,
                                std::unique_lock<std::mutex> &lock) {
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
  Slot &slot = on_device_.of(turn);
  if (slot.free) slot.free->record(compute_stream());  // the slab is written over next
  for (const Piece &piece : layer_of(turn).pieces) piece.parameter->tensor.reset();
  slot.ready = false;
  ++on_device_.emptied;
  changed_.notify_all();
}

c10::Stream LayerStream::compute_stream() const {
  return c10::impl::VirtualGuardImpl(device_.type()).getStream(device_);
}

void LayerStream::work_off(Stage &stage, const std::function<bool()> &is_fed,
                           const std::function<void(std::int64_t)> &work) {
  const c10::InferenceMode inference;
  const auto can_go = [&] {
    return stage.filled < last_turn_ && stage.has_room() && !failure_ && is_fed();
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

void LayerStream::read_turn(Stage &stage, std::int64_t turn) {
  const auto begin = StreamEvent::Clock::now();
  Slot &slot = stage.of(turn);
  read(layer_of(turn), slot.slab);
  const std::lock_guard lock(mutex_);
  tell(StreamEvent::Kind::disk_read, turn, begin);
  hand_over(stage, turn);
}

void LayerStream::copy_turn(std::int64_t turn) {
  Slot &from = on_host_.of(turn), &to = on_device_.of(turn);
  const Layer &layer = layer_of(turn);
  c10::Event started(device_.type());
  {
    const c10::StreamGuard on_lane(*copy_stream_);
    to.free->block(*copy_stream_);
    started.record(*copy_stream_);
    copy_over(layer, from.slab, to.slab);
    to.filled->record(*copy_stream_);
  }
  {
    const std::lock_guard lock(mutex_);
    hand_over(on_device_, turn);
  }
  started.synchronize();
  const auto begin = StreamEvent::Clock::now();
  to.filled->synchronize();
  const std::lock_guard lock(mutex_);
  tell(StreamEvent::Kind::host_to_device, turn, begin);
  from.ready = false;
  ++on_host_.emptied;
}

/// Whoever waits for the turn's slab may have it.
void LayerStream::hand_over(Stage &stage, std::int64_t turn) {
  Slot &slot = stage.of(turn);
  slot.turn = turn;
  slot.ready = true;
  ++stage.filled;
  if (&stage == &on_device_) count_brought(layer_of(turn));
  changed_.notify_all();
}

void LayerStream::count_brought(const Layer &layer) {
  ++traffic_.layers;
  traffic_.bytes += layer.bytes;
}

void LayerStream::read(const Layer &layer, const at::Tensor &slab) const {
  for (const Piece &piece : layer.pieces) {
    at::Tensor destination = piece_of(slab, piece);
    source_.read_into(piece.name, *piece.parameter, destination);
  }
}

void LayerStream::copy_over(const Layer &layer, const at::Tensor &from,
                            const at::Tensor &to) const {
  to.narrow(0, 0, layer.bytes).copy_(from.narrow(0, 0, layer.bytes), pinned_);
  device::count_copy(c10::kCPU, device_, layer.bytes);
}

/// What the threads would have done by now.
void LayerStream::bring_planned(const Layer &layer) {
  const at::Tensor &slab = on_device_.of(on_device_.emptied).slab;
  if (on_host_.slots.empty()) {
    read(layer, slab);
  } else {
    const at::Tensor &host = on_host_.of(on_device_.emptied).slab;
    read(layer, host);
    copy_over(layer, host, slab);
  }
  count_brought(layer);
}

LayerStream::Traffic LayerStream::traffic() const {
  const std::lock_guard lock(mutex_);
  return traffic_;
}

}  // namespace chitu::memory
