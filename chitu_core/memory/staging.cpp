#include "chitu_core/memory/staging.h"

#include <ATen/ATen.h>

#include "chitu_core/device/dry_run.h"
#include "chitu_core/device/pinned.h"

namespace chitu::memory {

at::Tensor Staging::tensor(at::IntArrayRef shape, at::ScalarType dtype) {
  if (!buffer_.defined())
    buffer_ = device::host_buffer(bytes_, device_, pin_memory_ && !device::is_host(device_)).bytes;
  const auto bytes =
      c10::multiply_integers(shape) * static_cast<std::int64_t>(at::elementSize(dtype));
  return buffer_.narrow(0, 0, bytes).view(dtype).view(shape);
}

}  // namespace chitu::memory
