// The operators of the simulated device. Each runs the CPU's kernel on the same memory, so results
// are the CPU's; tensors that a kernel returns are then counted as the device's.
#include <ATen/ATen.h>
#include <ATen/EmptyTensor.h>
#include <c10/core/CPUAllocator.h>
#include <torch/library.h>

#include "chitu_core/device/dry_run_books.h"
#include "chitu_core/device/sim/boxed.h"
#include "chitu_core/device/sim/dry_run_call.h"
#include "chitu_core/device/sim/pinned_memory.h"
#include "chitu_core/device/sim/streams.h"
#include "chitu_core/device/sim/tensors.h"

namespace chitu::device::sim {

at::Tensor with_layout_of(const at::Tensor& tensor, c10::Storage storage, c10::DispatchKey key) {
  auto made = at::detail::make_tensor<c10::TensorImpl>(std::move(storage), c10::DispatchKeySet(key),
                                                       tensor.dtype());
  made.unsafeGetTensorImpl()->set_sizes_and_strides(tensor.sizes(), tensor.strides(),
                                                    tensor.storage_offset());
  if (tensor.is_conj()) made._set_conj(true);
  if (tensor.is_neg()) made._set_neg(true);
  return made;
}

namespace {

/// Keeps a storage alive as long as an alias of its memory lives.
c10::DataPtr shared_bytes(const c10::Storage& storage, c10::Device device) {
  return {storage.mutable_data(), new c10::Storage(storage),
          [](void* held) { delete static_cast<c10::Storage*>(held); }, device};
}

/// The same memory as a CPU tensor.
at::Tensor on_cpu(const at::Tensor& tensor) {
  const c10::Storage& storage = tensor.storage();
  return with_layout_of(tensor,
                        c10::Storage(c10::Storage::use_byte_size_t(), storage.nbytes(),
                                     shared_bytes(storage, c10::kCPU), c10::GetCPUAllocator(),
                                     /*resizable=*/true),
                        c10::DispatchKey::CPU);
}

/// One call of an operator: its tensors on the CPU, and back.
class Call {
 public:
  explicit Call(const c10::OperatorHandle& op) : op_(op) {}

  at::Tensor argument(const at::Tensor& tensor) {
    if (!is_sim(tensor)) {
      // As on a GPU: scalars may be on the host, other tensors may not.
      if (tensor.defined() && tensor.dim() > 0) foreign_ = tensor.device();
      return tensor;
    }
    pairs_.emplace_back(on_cpu(tensor), tensor);
    return pairs_.back().first;
  }

  c10::DeviceType stand_in() const { return c10::kCPU; }

  void check() const {
    TORCH_CHECK(pairs_.empty() || !foreign_,
                "Expected all tensors to be on the same device, but found at "
                "least two devices, "
                "sim:0 and ",
                *foreign_, "! (operator ", op_.schema().name(), ")");
  }

  /// An operator may have resized the tensor that it writes to.
  void follow_resizes() const {
    for (const auto& [cpu, sim] : pairs_) {
      const c10::Storage& storage = cpu.storage();
      if (storage.data() != sim.storage().data()) {
        const auto bytes = static_cast<std::int64_t>(storage.nbytes());
        sim.storage().set_data_ptr_noswap(
            Memory::instance().adopt(shared_bytes(storage, c10::kCPU), bytes));
        sim.storage().set_nbytes(storage.nbytes());
      }
      if (cpu.sizes() != sim.sizes() || cpu.strides() != sim.strides())
        sim.unsafeGetTensorImpl()->set_sizes_and_strides(cpu.sizes(), cpu.strides());
    }
  }

  at::Tensor result(const at::Tensor& tensor) const {
    if (!tensor.defined() || !tensor.device().is_cpu()) return tensor;
    for (const auto& [cpu, sim] : pairs_)
      if (cpu.is_same(tensor)) return sim;
    const c10::Storage& storage = tensor.storage();
    for (const auto& [cpu, sim] : pairs_)  // a view
      if (storage.data() && storage.data() == sim.storage().data())
        return with_layout_of(tensor, c10::Storage(sim.storage()), c10::DispatchKey::PrivateUse1);
    Memory& memory = Memory::instance();
    return with_layout_of(tensor,
                          c10::Storage(c10::Storage::use_byte_size_t(), storage.nbytes(),
                                       memory.adopt(shared_bytes(storage, c10::kCPU),
                                                    static_cast<std::int64_t>(storage.nbytes())),
                                       &memory, /*resizable=*/true),
                          c10::DispatchKey::PrivateUse1);
  }

 private:
  const c10::OperatorHandle& op_;
  std::vector<std::pair<at::Tensor, at::Tensor>> pairs_;  // CPU, sim
  std::optional<c10::Device> foreign_;
};

void run_on_cpu(const c10::OperatorHandle& op, c10::DispatchKeySet, torch::jit::Stack* stack) {
  if (in_dry_run()) return dry_run_of(op, stack);
  streams::wait(streams::current());  // the operator runs in this thread, after the stream's queue
  Call call(op);
  replace_arguments(op, stack, call);
  call.check();
  op.redispatchBoxed(c10::DispatchKeySet(c10::DispatchKey::CPU), stack);
  call.follow_resizes();
  replace_results(op, stack, call);
}

/// A dry run has two devices: the imitated one and its host.
c10::Allocator* allocator_of(const std::optional<at::Device>& device) {
  return device && device == DryRun::host() ? dry_run_host() : &Memory::instance();
}

/// For calls that do not go through run_on_cpu.
void note_operator(const char* name) {
  if (auto* books = DryRun::Books::current()) books->set_operator(name);
}

at::Tensor empty(at::IntArrayRef sizes, std::optional<at::ScalarType> dtype,
                 std::optional<at::Layout>, std::optional<at::Device> device, std::optional<bool>,
                 std::optional<at::MemoryFormat> format) {
  note_operator("aten::empty");
  return at::detail::empty_generic(sizes, allocator_of(device),
                                   c10::DispatchKeySet(c10::DispatchKey::PrivateUse1),
                                   dtype.value_or(at::kFloat), format);
}

at::Tensor empty_strided(at::IntArrayRef sizes, at::IntArrayRef strides,
                         std::optional<at::ScalarType> dtype, std::optional<at::Layout>,
                         std::optional<at::Device> device, std::optional<bool>) {
  note_operator("aten::empty_strided");
  return at::detail::empty_strided_generic(sizes, strides, allocator_of(device),
                                           c10::DispatchKeySet(c10::DispatchKey::PrivateUse1),
                                           dtype.value_or(at::kFloat));
}

/// A copy that keeps its tensors alive until it is made.
std::function<void()> copy_of(const at::Tensor& from, const at::Tensor& to) {
  return [source = is_sim(from) ? on_cpu(from) : from, target = is_sim(to) ? on_cpu(to) : to] {
    const c10::InferenceMode inference;  // side streams have threads of their own
    target.copy_(source);
  };
}

/// A copy between host and device: asynchronous if it would be on a GPU.
void transfer(const at::Tensor& from, const at::Tensor& to, bool non_blocking) {
  Memory& memory = Memory::instance();
  const auto bytes = static_cast<std::int64_t>(to.nbytes());
  const bool to_device = is_sim(to);
  memory.book_copy(bytes, to_device);
  const at::Tensor& on_host = to_device ? from : to;
  const c10::Stream stream = streams::current();
  auto copy = copy_of(from, to);
  if (streams::is_side(stream)) {
    streams::enqueue(stream, [&memory, bytes, to_device, copy = std::move(copy)] {
      memory.transfer(bytes, to_device, copy);
    });
    if (!non_blocking || !PinnedMemory::instance().holds(on_host.const_data_ptr()))
      streams::wait(stream);
  } else {
    memory.transfer(bytes, to_device, copy);
  }
}

at::Tensor copy_from(const at::Tensor& from, const at::Tensor& to, bool non_blocking) {
  if (in_dry_run()) {
    plan_copy(from, to);
  } else if (is_sim(from) == is_sim(to)) {
    streams::wait(streams::current());
    copy_of(from, to)();
  } else {
    transfer(from, to, non_blocking);
  }
  return to;
}

at::Tensor strided_view(const at::Tensor& self, at::IntArrayRef sizes, at::IntArrayRef strides,
                        std::optional<std::int64_t> offset) {
  auto made = with_layout_of(self, c10::Storage(self.storage()), c10::DispatchKey::PrivateUse1);
  made.unsafeGetTensorImpl()->set_sizes_and_strides(sizes, strides,
                                                    offset.value_or(self.storage_offset()));
  return made;
}

at::Tensor view(const at::Tensor& self, at::IntArrayRef sizes) {
  const at::Tensor viewed = on_cpu(self).view(sizes);
  return strided_view(self, viewed.sizes(), viewed.strides(), viewed.storage_offset());
}

at::Tensor reshape_alias(const at::Tensor& self, at::IntArrayRef sizes, at::IntArrayRef strides) {
  return strided_view(self, sizes, strides, std::nullopt);
}

TORCH_LIBRARY_IMPL(_, PrivateUse1, library) {
  library.fallback(torch::CppFunction::makeFromBoxedFunction<&run_on_cpu>());
}

TORCH_LIBRARY_IMPL(aten, PrivateUse1, library) {
  library.impl("empty.memory_format", empty);
  library.impl("empty_strided", empty_strided);
  library.impl("_copy_from", copy_from);
  library.impl("as_strided", strided_view);
  library.impl("view", view);
  library.impl("_reshape_alias", reshape_alias);
  // libtorch would decompose these before they reach a backend, differently from the CPU.
  for (const char* name : {"linear", "matmul", "layer_norm", "scaled_dot_product_attention",
                           "convolution", "mkldnn_convolution"})
    library.impl(name, torch::CppFunction::makeFromBoxedFunction<&run_on_cpu>());
}

}  // namespace
}  // namespace chitu::device::sim
