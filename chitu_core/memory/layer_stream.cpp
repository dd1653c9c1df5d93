#include "chitu_core/memory/layer_stream.h"

#include <ATen/ATen.h>
#include <c10/core/InferenceMode.h>
#include <fmt/format.h>

#include <algorithm>

#include "chitu_core/common/error.h"
#include "chitu_core/device/device.h"

namespace chitu::memory {
namespace {

constexpr std::int64_t kAlignment = 64;  // that of libtorch's own allocations

std::int64_t aligned(std::int64_t bytes) {
  return (bytes + kAlignment - 1) / kAlignment * kAlignment;
}

std::int64_t bytes_of(const Parameter& parameter) {
  return parameter.numel() * static_cast<std::int64_t>(at::elementSize(parameter.dtype));
}

}  // namespace

LayerStream::LayerStream(Layers layers, const io::Checkpoint& checkpoint,
                         const WeightFormat& format, int slots)
    : checkpoint_(checkpoint), device_(format.device) {
  for (const auto& [name, module] : layers) plan_layer(name + ".", *module, format);
  const auto options = at::TensorOptions().dtype(at::kByte);
  for (int i = 0; i < slots; ++i) {
    Slot& slot = slots_.emplace_back();
    slot.slab = at::empty({slab_bytes_}, options.device(device_));
  }
  if (!device_.is_cpu()) staging_ = at::empty({slab_bytes_}, options);
  thread_ = std::thread([this] { fetch_all(); });
}

LayerStream::~LayerStream() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  changed_.notify_all();
  thread_.join();
  for (const Layer& layer : layers_)
    for (const Piece& piece : layer.pieces) piece.parameter->tensor.reset();
}

void LayerStream::plan_layer(const std::string& name, Module& module, const WeightFormat& format) {
  Layer& layer = layers_.emplace_back();
  module.visit_parameters([&](const std::string& parameter_name, Parameter& parameter) {
    if (parameter.memory_format != at::MemoryFormat::Contiguous)
      throw Error("cannot stream " + name + parameter_name + ": its weights are not contiguous");
    parameter.dtype = compute_dtype(parameter.precision, format.dtype);
    layer.pieces.push_back({name + parameter_name, &parameter, layer.bytes});
    layer.bytes += aligned(bytes_of(parameter));
  });
  slab_bytes_ = std::max(slab_bytes_, layer.bytes);
}

at::Tensor LayerStream::piece_of(const at::Tensor& slab, const Piece& piece) const {
  return slab.narrow(0, piece.offset_bytes, bytes_of(*piece.parameter))
      .view(piece.parameter->dtype)
      .view(piece.parameter->shape);
}

void LayerStream::begin_passes(std::int64_t passes) {
  std::unique_lock lock(mutex_);
  last_turn_ = 0;  // the thread starts nothing new
  changed_.wait(lock, [&] { return !busy_; });
  for (Slot& slot : slots_) slot.ready = false;
  failure_ = nullptr;
  computing_ = fetching_ = 0;
  last_turn_ = passes * static_cast<std::int64_t>(layers_.size());
  changed_.notify_all();
}

void LayerStream::before_layer(std::int64_t index) {
  std::unique_lock lock(mutex_);
  if (computing_ >= last_turn_ || computing_ % static_cast<std::int64_t>(layers_.size()) != index)
    throw Error(fmt::format("layer {} was not announced to the stream of weights", index));
  Slot& slot = slot_of(computing_);
  changed_.wait(lock, [&] { return (slot.ready && slot.turn == computing_) || failure_; });
  if (failure_) std::rethrow_exception(failure_);
  for (const Piece& piece : layer_of(computing_).pieces)
    piece.parameter->tensor = piece_of(slot.slab, piece);
}

void LayerStream::after_layer(std::int64_t) {
  device::synchronize(device_);  // the slab is written over next
  const std::lock_guard lock(mutex_);
  for (const Piece& piece : layer_of(computing_).pieces) piece.parameter->tensor.reset();
  slot_of(computing_).ready = false;
  ++computing_;
  changed_.notify_all();
}

void LayerStream::fetch_all() {
  const c10::InferenceMode inference;
  std::unique_lock lock(mutex_);
  while (true) {
    changed_.wait(lock, [&] {
      const bool room = fetching_ - computing_ < static_cast<std::int64_t>(slots_.size());
      return stop_ || (fetching_ < last_turn_ && room && !failure_);
    });
    if (stop_) return;
    Slot& slot = slot_of(fetching_);
    slot.turn = fetching_;
    const Layer& layer = layer_of(fetching_);
    busy_ = true;
    lock.unlock();
    std::exception_ptr failure;
    try {
      fetch(layer, slot);
    } catch (...) {
      failure = std::current_exception();
    }
    lock.lock();
    busy_ = false;
    slot.ready = !failure;
    failure_ = failure;
    if (!failure) {
      ++fetching_;
      ++traffic_.layers;
      traffic_.bytes += layer.bytes;
    }
    changed_.notify_all();
  }
}

void LayerStream::fetch(const Layer& layer, Slot& slot) {
  const at::Tensor& host = staging_.defined() ? staging_ : slot.slab;
  for (const Piece& piece : layer.pieces) {
    at::Tensor destination = piece_of(host, piece);
    checkpoint_.read_into(piece.name, destination);
  }
  if (!staging_.defined()) return;
  slot.slab.narrow(0, 0, layer.bytes).copy_(staging_.narrow(0, 0, layer.bytes));
  device::synchronize(device_);
}

LayerStream::Traffic LayerStream::traffic() const {
  const std::lock_guard lock(mutex_);
  return traffic_;
}

}  // namespace chitu::memory
