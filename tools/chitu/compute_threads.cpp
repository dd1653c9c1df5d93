#include "tools/chitu/compute_threads.h"

#include <ATen/Parallel.h>

#include "chitu_core/device/compute_threads.h"

namespace chitu::tools {

ComputeThreads::ComputeThreads() : default_count_(at::get_num_threads()) {}

void ComputeThreads::use(std::optional<int> count) {
  const int wanted = count.value_or(default_count_);
  if (in_use_ == wanted) return;  // they are running
  device::use_compute_threads(wanted);
  in_use_ = wanted;
}

}  // namespace chitu::tools
