#include "chitu_core/device/pinned.h"

#include <ATen/ATen.h>
#include <ATen/detail/AcceleratorHooksInterface.h>

#include <bit>
#include <memory>

#include "chitu_core/device/dry_run_books.h"

namespace chitu::device {

namespace {

at::Tensor planned(std::int64_t bytes) {
  const bool rounds = DryRun::Books::current()->device().rounds_pinned;
  const auto taken =
      rounds ? static_cast<std::int64_t>(std::bit_ceil(static_cast<std::uint64_t>(bytes))) : bytes;
  const auto options = at::TensorOptions().dtype(at::kByte).device(host());
  return at::empty({taken}, options).narrow(0, 0, bytes);
}

}  // namespace

at::Tensor pinned_memory(std::int64_t bytes, c10::Device device) {
  if (in_dry_run()) return planned(bytes);
  // From the device's own allocator: at::empty with pinned memory asks libtorch's one accelerator,
  // which is the simulated one after the first dry run.
  const auto& hooks = at::globalContext().getAcceleratorHooksInterface(device.type());
  auto data = std::make_shared<c10::DataPtr>(
      hooks.getPinnedMemoryAllocator()->allocate(static_cast<std::size_t>(bytes)));
  return at::from_blob(data->get(), {bytes}, [data](void*) {}, at::kByte);
}

}  // namespace chitu::device
