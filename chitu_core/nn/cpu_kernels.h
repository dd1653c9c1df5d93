#pragma once

#include "chitu_core/common/cpu_capability.h"

/// Put before a loop whose pointers do not overlap. `restrict` does not survive inlining, and
/// without this a loop that narrows to 16 bits is not vectorised. A macro, because a function
/// cannot pass a pragma to its caller.
#if defined(__clang__)
#define CHITU_NO_OVERLAP _Pragma("clang loop vectorize(assume_safety)")
#else
#define CHITU_NO_OVERLAP _Pragma("GCC ivdep")
#endif

namespace chitu::nn {
namespace detail {

#if defined(__x86_64__)
template <class Kernel, class... Args>
[[gnu::target("arch=x86-64-v4")]] void run_avx512(Args... args) {
  Kernel::run(args...);
}
template <class Kernel, class... Args>
[[gnu::target("arch=x86-64-v3")]] void run_avx2(Args... args) {
  Kernel::run(args...);
}
#endif

}  // namespace detail

/// Calls Kernel::run(args...), compiled for the instruction set that cpu_capability() names.
/// Kernel::run and what it calls must be always_inline to be compiled for each set.
template <class Kernel, class... Args>
void run_cpu_kernel(Args... args) {
#if defined(__x86_64__)
  switch (cpu_capability()) {
    case CpuCapability::avx512:
      return detail::run_avx512<Kernel>(args...);
    case CpuCapability::avx2:
      return detail::run_avx2<Kernel>(args...);
    case CpuCapability::baseline:
      break;
  }
#endif
  Kernel::run(args...);
}

/// The same for kernels with explicit vectors: Kernel<lanes>::run, where `lanes` is the number of
/// float32 values in a register of the instruction set.
template <template <int> class Kernel, class... Args>
void run_cpu_kernel(Args... args) {
#if defined(__x86_64__)
  switch (cpu_capability()) {
    case CpuCapability::avx512:
      return detail::run_avx512<Kernel<16>>(args...);
    case CpuCapability::avx2:
      return detail::run_avx2<Kernel<8>>(args...);
    case CpuCapability::baseline:
      break;
  }
#endif
  Kernel<4>::run(args...);
}

}  // namespace chitu::nn
