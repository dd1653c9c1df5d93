#include "pipelines/machine/profile_rates.h"

#include <algorithm>

namespace chitu::pipelines {

std::optional<double> rate_of(const DeviceProfile& profile, at::ScalarType dtype) {
  const ArithmeticRates& flops = profile.flops;
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

bool describes(const DeviceProfile& profile, c10::Device computes_on) {
  return profile.device.empty() || computes_on.type() == c10::kPrivateUse1 ||
         computes_on.str().starts_with(profile.device);
}

}  // namespace chitu::pipelines
