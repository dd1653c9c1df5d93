#include "tools/chitu/compute_threads.h"

#include <ATen/Parallel.h>

#include <algorithm>
#include <cstdlib>

#include "chitu_core/device/compute_threads.h"

namespace chitu::tools {

ComputeThreads::ComputeThreads() : default_count_(at::get_num_threads()) {}

void ComputeThreads::use(std::optional<int> count, int sharers) {
  const int share = std::getenv("OMP_NUM_THREADS") ? default_count_ : default_count_ / sharers;
  const int wanted = count.value_or(std::max(share, 1));
  if (in_use_ == wanted) return;  // they are running
  device::use_compute_threads(wanted);
  in_use_ = wanted;
}

}  // namespace chitu::tools
