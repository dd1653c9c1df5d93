#include "chitu_core/device/pinned.h"

#include <ATen/ATen.h>
#include <ATen/detail/AcceleratorHooksInterface.h>
#include <spdlog/spdlog.h>

#include <bit>
#include <memory>

#include "chitu_core/common/bytes.h"
#include "chitu_core/common/log.h"
#include "chitu_core/device/dry_run.h"
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

namespace {

/// Undefined if the memory cannot be pinned.
at::Tensor try_to_pin(std::int64_t bytes, c10::Device device) {
  try {
    return pinned_memory(bytes, device);
  } catch (const c10::Error& error) {
    logger("device")->warn(
        "cannot pin {} of host memory, so weights go to {} through pageable memory, which is "
        "slower; infer.pin_memory=false leaves this out: {}",
        format_bytes(bytes), device.str(), error.what_without_backtrace());
    return {};
  }
}

}  // namespace

HostBuffer host_buffer(std::int64_t bytes, c10::Device device, bool pin) {
  if (pin)
    if (const at::Tensor pinned = try_to_pin(bytes, device); pinned.defined())
      return {pinned, true};
  return {at::empty({bytes}, at::TensorOptions().dtype(at::kByte).device(host())), false};
}

}  // namespace chitu::device
