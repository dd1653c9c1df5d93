#include "chitu_core/memory/layer_stream.h"

#include <ATen/ATen.h>
#include <c10/core/InferenceMode.h>
#include <fmt/format.h>

#include <algorithm>

#include "chitu_core/common/error.h"
#include "chitu_core/device/device.h"
#include "chitu_core/device/planning.h"

namespace chitu::memory {
namespace {

constexpr std::int64_t kAlignment = 64;  // that of libtorch's own allocations

std::int64_t aligned(std::int64_t bytes) {
  return (bytes + kAlignment - 1) / kAlignment * kAlignment;
}

std::int64_t bytes_of(const Parameter &parameter) {
  return parameter.numel() * static_cast<std::int64_t>(at::elementSize(parameter.dtype));
}

}  // namespace

LayerStream::LayerStream(Layers layers, const WeightSource &source, const WeightFormat &format,
                         const SpreadLayers &resident, int slots)
    : source_(source), device_(format.device), planned_(device::planning()) {
  for (const auto &[name, module] : layers) {
    const auto index = static_cast<std::int64_t>(streamed_.size());
    streamed_.push_back(!resident(index));
    if (streamed_.back()) plan_layer(index, name + ".", *module, format);
  }
  if (layers_.empty()) return;
  make_slabs(on_device_, device_, slots);
  if (!device::is_host(device_)) make_slabs(on_host_, c10::kCPU, slots);
  if (!planned_) start_threads();
}

void LayerStream::start_threads() {
  const Work read_slab = [this](const Layer &layer, std::int64_t, Slot &slot) {
    read(layer, slot.slab);
  };
  if (on_host_.slots.empty()) {
    threads_.emplace_back([=, this] { fill(on_device_, computing_, nullptr, read_slab); });
    return;
  }
  const Work copy_slab = [this](const Layer &layer, std::int64_t turn, Slot &slot) {
    copy_over(layer, on_host_.of(turn).slab, slot.slab);
  };
  threads_.emplace_back([=, this] { fill(on_host_, on_device_.filled, nullptr, read_slab); });
  threads_.emplace_back([=, this] { fill(on_device_, computing_, &on_host_, copy_slab); });
}

LayerStream::~LayerStream() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  changed_.notify_all();
  for (std::thread &thread : threads_) thread.join();
  for (const Layer &layer : layers_)
    for (const Piece &piece : layer.pieces) piece.parameter->tensor.reset();
}

void LayerStream::make_slabs(Stage &stage, c10::Device device, int count) const {
  const auto options = at::TensorOptions().dtype(at::kByte).device(device);
  for (int i = 0; i < count; ++i)
    stage.slots.emplace_back().slab = at::empty({slab_bytes_}, options);
}

void LayerStream::plan_layer(std::int64_t index, const std::string &name, Module &module,
                             const WeightFormat &format) {
  Layer &layer = layers_.emplace_back(Layer{index});
  module.visit_parameters([&](const std::string &parameter_name, Parameter &parameter) {
    if (parameter.memory_format != at::MemoryFormat::Contiguous)
      throw Error("cannot stream " + name + parameter_name + ": its weights are not contiguous");
    parameter.dtype = compute_dtype(parameter.precision, format.dtype);
    layer.pieces.push_back({name + parameter_name, &parameter, layer.bytes});
    layer.bytes += aligned(bytes_of(parameter));
  });
  slab_bytes_ = std::max(slab_bytes_, layer.bytes);
}

at::Tensor LayerStream::piece_of(const at::Tensor &slab, const Piece &piece) const {
  return slab.narrow(0, piece.offset_bytes, bytes_of(*piece.parameter))
      .view(piece.parameter->dtype)
      .view(piece.parameter->shape);
}

void LayerStream::begin_passes(std::int64_t passes) {
  std::unique_lock lock(mutex_);
  last_turn_ = 0;  // nothing new starts
  changed_.wait(lock, [&] { return busy_ == 0; });
  for (Stage *stage : {&on_host_, &on_device_}) {
    for (Slot &slot : stage->slots) slot.ready = false;
    stage->filled = 0;
  }
  failure_ = nullptr;
  computing_ = 0;
  last_turn_ = passes * static_cast<std::int64_t>(layers_.size());
  changed_.notify_all();
}

void LayerStream::before_layer(std::int64_t index) {
  if (!streamed_.at(static_cast<std::size_t>(index))) return;
  std::unique_lock lock(mutex_);
  if (computing_ >= last_turn_ || layer_of(computing_).index != index)
    throw Error(fmt::format("layer {} was not announced to the stream of weights", index));
  Slot &slot = on_device_.of(computing_);
  if (planned_)
    bring_planned(layer_of(computing_));
  else
    changed_.wait(lock, [&] { return (slot.ready && slot.turn == computing_) || failure_; });
  if (failure_) std::rethrow_exception(failure_);
  for (const Piece &piece : layer_of(computing_).pieces)
    piece.parameter->tensor = piece_of(slot.slab, piece);
}

void LayerStream::after_layer(std::int64_t index) {
  if (!streamed_.at(static_cast<std::size_t>(index))) return;
  device::synchronize(device_);  // the slab is written over next
  const std::lock_guard lock(mutex_);
  for (const Piece &piece : layer_of(computing_).pieces) piece.parameter->tensor.reset();
  on_device_.of(computing_).ready = false;
  ++computing_;
  changed_.notify_all();
}

void LayerStream::fill(Stage &stage, const std::int64_t &taken, Stage *source, const Work &work) {
  const c10::InferenceMode inference;
  const auto can_fill = [&] {
    const std::int64_t turn = stage.filled;
    const bool room = turn - taken < static_cast<std::int64_t>(stage.slots.size());
    const bool fed = !source || (source->of(turn).ready && source->of(turn).turn == turn);
    return turn < last_turn_ && room && fed && !failure_;
  };
  std::unique_lock lock(mutex_);
  while (true) {
    changed_.wait(lock, [&] { return stop_ || can_fill(); });
    if (stop_) return;
    const std::int64_t turn = stage.filled;
    const Layer &layer = layer_of(turn);
    Slot &slot = stage.of(turn);
    slot.turn = turn;
    ++busy_;
    lock.unlock();
    std::exception_ptr failure;
    try {
      work(layer, turn, slot);
    } catch (...) {
      failure = std::current_exception();
    }
    lock.lock();
    --busy_;
    if (failure) {
      failure_ = failure;
    } else {
      slot.ready = true;
      if (source) source->of(turn).ready = false;
      ++stage.filled;
      if (&stage == &on_device_) {
        ++traffic_.layers;
        traffic_.bytes += layer.bytes;
      }
    }
    changed_.notify_all();
  }
}

void LayerStream::read(const Layer &layer, const at::Tensor &slab) const {
  for (const Piece &piece : layer.pieces) {
    at::Tensor destination = piece_of(slab, piece);
    source_.read_into(piece.name, *piece.parameter, destination);
  }
}

void LayerStream::copy_over(const Layer &layer, const at::Tensor &from,
                            const at::Tensor &to) const {
  to.narrow(0, 0, layer.bytes).copy_(from.narrow(0, 0, layer.bytes));
  device::synchronize(device_);
}

/// What the threads would have done by now.
void LayerStream::bring_planned(const Layer &layer) {
  const at::Tensor &slab = on_device_.of(computing_).slab;
  if (on_host_.slots.empty()) {
    read(layer, slab);
  } else {
    const at::Tensor &host = on_host_.of(computing_).slab;
    read(layer, host);
    copy_over(layer, host, slab);
  }
  ++traffic_.layers;
  traffic_.bytes += layer.bytes;
}

LayerStream::Traffic LayerStream::traffic() const {
  const std::lock_guard lock(mutex_);
  return traffic_;
}

}  // namespace chitu::memory
