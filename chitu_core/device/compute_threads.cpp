#include "chitu_core/device/compute_threads.h"

#include <ATen/Parallel.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/empty.h>
#include <unistd.h>

#include <chrono>
#include <latch>
#include <string>
#include <thread>
#include <vector>

#include "chitu_core/common/system_limits.h"
#include "chitu_core/common/thread.h"
#include "chitu_core/threads/side_by_side.h"

namespace chitu::device {
namespace {

/// A thread counts against the system's limits until the kernel removes it, a moment after join()
/// returns.
void wait_until_forgotten(pid_t thread) {
  const std::string path = "/proc/self/task/" + std::to_string(thread);
  for (int tries = 0; tries < 1000 && ::access(path.c_str(), F_OK) == 0; ++tries)
    std::this_thread::sleep_for(std::chrono::microseconds(100));
}

/// Runs so many threads at once, for a moment. Throws SystemLimitError if the system cannot.
void try_threads(int count) {
  std::latch end(1);
  std::vector<pid_t> ids(static_cast<std::size_t>(count));
  std::vector<std::jthread> threads;
  threads.reserve(ids.size());
  try {
    for (pid_t& id : ids)
      threads.push_back(start_thread([&] {
        id = ::gettid();
        end.wait();
      }));
  } catch (...) {
    end.count_down();
    throw;
  }
  end.count_down();
  threads.clear();  // joins them
  for (const pid_t id : ids) wait_until_forgotten(id);
}

}  // namespace

void start_compute_threads() {
  const int count = at::get_num_threads();
  if (count <= 1) return;
  const auto lock = no_other_starts();  // so the threads that are free now stay free for OpenMP
  try {
    try_threads(count - 1);
  } catch (const SystemLimitError& error) {
    throw SystemLimitError(std::to_string(count) + " threads to compute with, but " + error.what() +
                           "; fewer: infer.threads=1");
  }
  // Just large enough to use all threads.
  at::empty({count * at::internal::GRAIN_SIZE}, at::kByte).fill_(1);
}

void use_compute_threads(int count) {
  const int before = at::get_num_threads();
  if (count != before) at::set_num_threads(count);
  try {
    start_compute_threads();
  } catch (...) {
    at::set_num_threads(before);
    throw;
  }
}

void start_compute_threads_or_go_alone() {
  try {
    start_compute_threads();
  } catch (const SystemLimitError&) {
    threads::set_own_threads(1);
  }
}

}  // namespace chitu::device
