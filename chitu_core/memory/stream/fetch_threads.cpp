#include "chitu_core/memory/stream/fetch_threads.h"

#include <c10/core/InferenceMode.h>

#include <algorithm>
#include <utility>

#include "chitu_core/common/thread.h"
#include "chitu_core/device/compute_threads.h"
#include "chitu_core/memory/weight_source.h"

namespace chitu::memory {

FetchThreads::FetchThreads(const WeightSource& source)
    : ending_(source.is_shared() ? Ending::when_full : Ending::at_once) {}

void FetchThreads::start(BufferRing& ring, std::function<bool()> has_input,
                         std::function<void(std::int64_t)> fill) {
  const Task* task = nullptr;
  {
    const Lock held = lock();
    task = &tasks_.emplace_back(Task{ring, std::move(has_input), std::move(fill)});
  }
  threads_.push_back(start_thread([this, task] { run(*task); }));
}

void FetchThreads::stop() noexcept {
  {
    Lock held = lock();
    cancel(held);
    stop_ = true;
  }
  notify();
  threads_.clear();  // joins them
}

void FetchThreads::wait(Lock& lock, const std::function<bool()>& ready) {
  changed_.wait(lock, [&] { return failure_ || ready(); });
  if (failure_) std::rethrow_exception(failure_);
}

bool FetchThreads::wait_while_wanted(Lock& lock, const BufferRing& ring, std::int64_t turn,
                                     const std::function<bool()>& ready) {
  const auto unwanted = [&] { return stop_ || failure_ || !ring.is_wanted(turn); };
  changed_.wait(lock, [&] { return unwanted() || ready(); });
  return !unwanted();
}

bool FetchThreads::is_idle() const {
  return busy_ == 0 &&
         std::ranges::none_of(tasks_, [&](const Task& task) { return can_run(task); });
}

void FetchThreads::cancel(Lock& lock) noexcept {
  if (ending_ == Ending::when_full) changed_.wait(lock, [&] { return is_idle(); });
  for (const Task& task : tasks_) task.ring.cancel();
  notify();
  changed_.wait(lock, [&] { return busy_ == 0; });
}

void FetchThreads::run(const Task& task) {
  const c10::InferenceMode inference;
  device::start_compute_threads_or_go_alone();
  Lock held = lock();
  while (true) {
    changed_.wait(held, [&] { return stop_ || can_run(task); });
    if (stop_) return;
    const std::int64_t turn = task.ring.next_to_fill();
    ++busy_;
    held.unlock();
    std::exception_ptr failure;
    try {
      task.fill(turn);
    } catch (...) {
      failure = std::current_exception();
    }
    held.lock();
    --busy_;
    if (failure) failure_ = failure;
    notify();
  }
}

}  // namespace chitu::memory
