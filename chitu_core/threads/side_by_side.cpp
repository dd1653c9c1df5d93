#include "chitu_core/threads/side_by_side.h"

#include <ATen/Parallel.h>
#include <c10/core/InferenceMode.h>
#include <dlfcn.h>

#include "chitu_core/threads/parallel_for.h"

namespace chitu::threads {
namespace {

/// Of MKL, for the calling thread; where libtorch has none, its libraries compute as OpenMP says.
/// Returns what was set before.
int set_library_threads(int count) {
  using Set = int (*)(int);
  static const auto set = reinterpret_cast<Set>(::dlsym(RTLD_DEFAULT, "MKL_Set_Num_Threads_Local"));
  return set ? set(count) : 0;
}

}  // namespace

void set_own_threads(int count) {
#if AT_PARALLEL_OPENMP
  omp_set_num_threads(count);
#else
  (void)count;
#endif
}

OnOneThread::OnOneThread() : threads_(at::get_num_threads()) {
  set_own_threads(1);
  library_threads_ = set_library_threads(1);
}

OnOneThread::~OnOneThread() {
  set_library_threads(library_threads_);
  set_own_threads(threads_);
}

void side_by_side(bool at_once, std::int64_t count, const std::function<void(std::int64_t)>& work) {
  const auto compute = [&](std::int64_t begin, std::int64_t end) {
    const OnOneThread alone;
    for (std::int64_t i = begin; i < end; ++i) work(i);
  };
  if (!at_once) return compute(0, count);
  const bool inference = c10::InferenceMode::is_enabled();
  parallel_for(0, count, 1, [&](std::int64_t begin, std::int64_t end) {
    const c10::InferenceMode mode(inference);
    compute(begin, end);
  });
}

}  // namespace chitu::threads
