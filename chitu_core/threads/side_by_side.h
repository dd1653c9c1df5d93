#pragma once

#include <cstdint>
#include <functional>

namespace chitu::threads {

/// Sets how many threads the calling thread's operators compute on; at::set_num_threads would also
/// change other threads. Without effect where libtorch is built without OpenMP.
void set_own_threads(int count);

/// While it lives, the calling thread's operators compute on it alone. Small operators are faster
/// so: waking a second thread takes longer than their work.
class OnOneThread {
 public:
  OnOneThread();
  ~OnOneThread();
  OnOneThread(const OnOneThread&) = delete;
  OnOneThread& operator=(const OnOneThread&) = delete;

 private:
  int threads_;          ///< of OpenMP, before
  int library_threads_;  ///< of MKL, before; 0 = as many as OpenMP
};

/// Calls work(0) to work(count - 1), each as under OnOneThread. Neither the number of threads nor
/// the count changes a bit of what a call computes.
///
/// at_once  several calls at a time; otherwise one after another, in order
/// work     writes to nothing that another call uses
/// throws   what a call throws, the first of them
void side_by_side(bool at_once, std::int64_t count, const std::function<void(std::int64_t)>& work);

}  // namespace chitu::threads
