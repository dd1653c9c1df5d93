#include "chitu_core/nn/finite.h"

#include <ATen/ATen.h>

#include <atomic>
#include <cmath>
#include <limits>

#include "chitu_core/common/error.h"
#include "chitu_core/device/dry_run.h"
#include "chitu_core/device/traffic.h"
#include "chitu_core/nn/cpu_kernels.h"
#include "chitu_core/threads/parallel_for.h"

namespace chitu::nn {
namespace {

/// Fewest elements of a thread.
constexpr std::int64_t kGrain = 1 << 16;

/// Whether the exponent of any number is all ones: NaN or infinity.
struct AnyNotFinite {
  template <class Bits>
  [[gnu::always_inline]] static void run(const Bits* bits, Bits exponent, std::int64_t count,
                                         bool* found) {
    Bits any = 0;
    for (std::int64_t i = 0; i < count; ++i)
      any = static_cast<Bits>(any | ((bits[i] & exponent) == exponent));
    *found = any != 0;
  }
};

template <class Bits>
bool dense_is_finite(const at::Tensor& dense, Bits exponent) {
  const auto* bits = static_cast<const Bits*>(dense.const_data_ptr());
  std::atomic<bool> finite{true};
  threads::parallel_for(0, dense.numel(), kGrain, [&](std::int64_t begin, std::int64_t end) {
    bool found = false;
    run_cpu_kernel<AnyNotFinite>(bits + begin, exponent, end - begin, &found);
    if (found) finite = false;
  });
  return finite;
}

bool host_is_finite(const at::Tensor& tensor) {
  if (!tensor.is_non_overlapping_and_dense()) {
    for (std::int64_t i = 0; i < tensor.size(0); ++i)
      if (!host_is_finite(tensor.select(0, i))) return false;
    return true;
  }
  switch (tensor.scalar_type()) {
    case at::kFloat:
      return dense_is_finite<std::uint32_t>(tensor, 0x7F800000U);
    case at::kBFloat16:
      return dense_is_finite<std::uint16_t>(tensor, 0x7F80U);
    case at::kHalf:
      return dense_is_finite<std::uint16_t>(tensor, 0x7C00U);
    case at::kDouble:
      return dense_is_finite<std::uint64_t>(tensor, 0x7FF0000000000000ULL);
    default:
      throw Error(std::string("all_finite: no kernel for ") + at::toString(tensor.scalar_type()));
  }
}

}  // namespace

bool all_finite(const at::Tensor& tensor) {
  if (tensor.numel() == 0) return true;
  if (device::has_host_kernels(tensor.device()))
    return device::in_dry_run() || host_is_finite(tensor);
  // The largest magnitude is NaN or infinite if any number is.
  const at::Tensor greatest = device::move_to(
      at::linalg_vector_norm(tensor, std::numeric_limits<double>::infinity()), device::host());
  return device::in_dry_run() || std::isfinite(greatest.item<double>());
}

}  // namespace chitu::nn
