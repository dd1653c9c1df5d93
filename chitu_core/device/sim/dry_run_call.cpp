#include "chitu_core/device/sim/dry_run_call.h"

#include <fmt/format.h>

#include <unordered_map>
#include <utility>
#include <vector>

#include "chitu_core/common/error.h"
#include "chitu_core/device/dry_run_books.h"
#include "chitu_core/device/sim/boxed.h"
#include "chitu_core/device/sim/dry_run_shapes.h"
#include "chitu_core/device/sim/tensors.h"

namespace chitu::device::sim {
namespace {

const c10::Device kMetaDevice(c10::kMeta);

class DryRunHost final : public c10::Allocator {
 public:
  c10::DataPtr allocate(std::size_t bytes) override {
    return DryRun::Books::current()->allocate(static_cast<std::int64_t>(bytes), DryRun::host());
  }
  c10::DeleterFnPtr raw_deleter() const override { return nullptr; }
  void copy_data(void*, const void*, std::size_t) const override {}
};

/// One call of an operator: its tensors as shapes, and back.
class DryRunCall {
 public:
  explicit DryRunCall(DryRun::Books& books) : books_(books) {}

  at::Tensor argument(const at::Tensor& tensor) {
    if (!is_sim(tensor)) return tensor;
    const c10::Storage& storage = tensor.storage();
    pairs_.emplace_back(
        with_layout_of(tensor,
                       c10::Storage(c10::Storage::use_byte_size_t(), storage.nbytes(),
                                    c10::DataPtr(nullptr, kMetaDevice),
                                    c10::GetAllocator(c10::kMeta), /*resizable=*/true),
                       c10::DispatchKey::Meta),
        tensor);
    return pairs_.back().first;
  }

  c10::DeviceType stand_in() const { return c10::kMeta; }

  /// An operator may have resized the tensor that it writes to.
  void follow_resizes() const {
    for (const auto& [meta, sim] : pairs_) {
      const std::size_t bytes = meta.storage().nbytes();
      if (bytes > sim.storage().nbytes()) {
        sim.storage().set_data_ptr_noswap(
            books_.allocate(static_cast<std::int64_t>(bytes), sim.device()));
        sim.storage().set_nbytes(bytes);
      }
      if (meta.sizes() != sim.sizes() || meta.strides() != sim.strides())
        sim.unsafeGetTensorImpl()->set_sizes_and_strides(meta.sizes(), meta.strides());
    }
  }

  at::Tensor result(const at::Tensor& tensor) const {
    if (!tensor.defined() || !tensor.is_meta()) return tensor;
    for (const auto& [meta, sim] : pairs_)
      if (meta.is_same(tensor)) return sim;
    const c10::Storage& storage = tensor.storage();
    for (const auto& [meta, sim] : pairs_)  // a view
      if (meta.storage().is_alias_of(storage))
        return with_layout_of(tensor, c10::Storage(sim.storage()), c10::DispatchKey::PrivateUse1);
    const std::size_t bytes = storage.nbytes();
    const c10::Device device = pairs_.empty() ? DryRun::device() : pairs_.front().second.device();
    return with_layout_of(
        tensor,
        c10::Storage(c10::Storage::use_byte_size_t(), bytes,
                     books_.allocate(static_cast<std::int64_t>(bytes), device), &Memory::instance(),
                     /*resizable=*/true),
        c10::DispatchKey::PrivateUse1);
  }

 private:
  DryRun::Books& books_;
  std::vector<std::pair<at::Tensor, at::Tensor>> pairs_;  // meta, sim
};

/// What a dry run needs to know about an operator, looked up once.
struct DryRunOperator {
  explicit DryRunOperator(const c10::FunctionSchema& schema)
      : name(schema.name()),
        arguments(schema.arguments().size()),
        reads_values(name == "aten::_local_scalar_dense" || name == "aten::equal"),
        known_shape(has_known_shape(name)),
        counts_flops(has_flops(name)) {}
  const std::string& name;
  std::size_t arguments;
  bool reads_values, known_shape, counts_flops;
};

const DryRunOperator& dry_run_operator(const c10::OperatorHandle& op) {
  thread_local std::unordered_map<const c10::FunctionSchema*, DryRunOperator> known;
  return known.try_emplace(&op.schema(), op.schema()).first->second;
}

}  // namespace

c10::Allocator* dry_run_host() {
  static DryRunHost host;
  return &host;
}

void plan_copy(const at::Tensor& from, const at::Tensor& to) {
  const bool leaves = from.device() == DryRun::device(), comes = to.device() == DryRun::device();
  if (leaves != comes)
    DryRun::Books::current()->count_copy(static_cast<std::int64_t>(to.nbytes()), comes);
}

void dry_run_of(const c10::OperatorHandle& op, torch::jit::Stack* stack) {
  DryRun::Books& books = *DryRun::Books::current();
  const DryRunOperator& known = dry_run_operator(op);
  if (known.reads_values)
    throw Error(fmt::format("{} reads values, which a dry run does not have", known.name));
  books.set_operator(known.name);
  DryRunCall call(books);
  replace_arguments(op, stack, call);
  if (known.counts_flops) books.use().flops += flops_of(known.name, *stack, known.arguments);
  if (known.known_shape)
    run_known_shape(known.name, stack, known.arguments);
  else
    op.callBoxed(stack);
  call.follow_resizes();
  replace_results(op, stack, call);
}

}  // namespace chitu::device::sim
