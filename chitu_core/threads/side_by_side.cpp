#include "chitu_core/threads/side_by_side.h"

#include <ATen/Parallel.h>
#include <c10/core/InferenceMode.h>
#include <dlfcn.h>

#include "chitu_core/threads/parallel_for.h"

namespace chitu::threads {
namespace {

/// Of the calling thread alone; at::set_num_threads would also change other threads. Libraries
/// without it compute as OpenMP says.
template <class Function>
Function find(const char* name) {
  return reinterpret_cast<Function>(::dlsym(RTLD_DEFAULT, name));
}

void set_threads(int count) {
  static const auto set = find<void (*)(int)>("omp_set_num_threads");
  if (set) set(count);
}

/// Returns what was set before.
int set_library_threads(int count) {
  static const auto set = find<int (*)(int)>("MKL_Set_Num_Threads_Local");
  return set ? set(count) : 0;
}

}  // namespace

OnOneThread::OnOneThread() : threads_(at::get_num_threads()) {
  set_threads(1);
  library_threads_ = set_library_threads(1);
}

OnOneThread::~OnOneThread() {
  set_library_threads(library_threads_);
  set_threads(threads_);
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
