#include "pipelines/machine/device_profile.h"

#include <algorithm>

namespace chitu::pipelines {

std::optional<double> DeviceProfile::rate_of(at::ScalarType dtype) const {
  // An empty optional is less than any value.
  const auto single = std::max(flops.float32, flops.tfloat32);
  const auto fastest = std::max({flops.bfloat16, flops.float16, flops.float8, single});
  const auto known = [&] {
    switch (dtype) {
      case at::kBFloat16:
        return flops.bfloat16;
      case at::kHalf:
        return flops.float16;
      case at::kFloat8_e4m3fn:
      case at::kFloat8_e5m2:
        return flops.float8;
      case at::kFloat:
        return single;
      default:
        return std::optional<double>();
    }
  }();
  return known ? known : fastest;
}

bool DeviceProfile::describes(c10::Device computes_on) const {
  return device.empty() || computes_on.type() == c10::kPrivateUse1 ||
         computes_on.str().starts_with(device);
}

}  // namespace chitu::pipelines
