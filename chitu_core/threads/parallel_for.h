#pragma once

#include <ATen/Parallel.h>
#include <c10/util/ParallelGuard.h>

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <exception>

#if AT_PARALLEL_OPENMP
/// libgomp's entry of a parallel region, which `#pragma omp parallel` compiles to: called directly,
/// so that every compiler takes the OpenMP library that libtorch computes with, and no other.
extern "C" void GOMP_parallel(void (*function)(void*), void* data, unsigned threads,
                              unsigned flags);
extern "C" int omp_get_thread_num();
extern "C" int omp_get_num_threads();
extern "C" void omp_set_num_threads(int count);
#endif

namespace chitu::threads {
namespace detail {

/// What the threads of one parallel_for share.
template <class Function>
struct ParallelLoop {
  std::int64_t begin, end, grain;
  const Function& function;
  std::atomic_flag failed{};
  std::exception_ptr error{};

  /// The share of one thread of several.
  void run(std::int64_t thread, std::int64_t threads) {
    const std::int64_t most = (end - begin + grain - 1) / grain;
    const std::int64_t shares = std::min(threads, most);
    const std::int64_t size = (end - begin + shares - 1) / shares;
    const std::int64_t from = begin + thread * size;
    if (from >= end) return;
    const c10::ParallelGuard no_further_threads(true);
    try {
      function(from, std::min(end, from + size));
    } catch (...) {
      if (!failed.test_and_set()) error = std::current_exception();
    }
  }
};

}  // namespace detail

/// at::parallel_for, also where the compiler is called without -fopenmp: there libtorch's own runs
/// everything on one thread. Calls function(first, last) for parts of [begin, end) of at least
/// `grain` each, on the threads that libtorch's operators use.
///
/// throws  what a call throws, the first of them
template <class Function>
void parallel_for(std::int64_t begin, std::int64_t end, std::int64_t grain,
                  const Function& function) {
#if AT_PARALLEL_OPENMP
  if (end - begin > grain && !at::in_parallel_region() && at::get_num_threads() > 1) {
    detail::ParallelLoop<Function> loop{begin, end, grain, function};
    GOMP_parallel(
        [](void* data) {
          static_cast<detail::ParallelLoop<Function>*>(data)->run(omp_get_thread_num(),
                                                                  omp_get_num_threads());
        },
        &loop, 0, 0);
    if (loop.error) std::rethrow_exception(loop.error);
    return;
  }
#endif
  at::parallel_for(begin, end, grain, function);
}

}  // namespace chitu::threads
