#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <exception>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

#include "chitu_core/memory/stream/buffer_ring.h"

namespace chitu::memory {

class WeightSource;

/// The threads that fill the rings of one stream. They share one lock, which guards the rings and
/// other data of the owner, and the first failure, which stops all of them until the next
/// restart(). The destructor joins them.
class FetchThreads {
 public:
  using Lock = std::unique_lock<std::mutex>;

  /// What happens to turns that are announced and not fetched when the rings are cancelled.
  enum class Ending {
    at_once,    ///< none of them starts
    when_full,  ///< those for which there is room are fetched: how many does not depend on timing
  };

  /// source  that the threads read: processes that read it together all make the same reads, so
  ///         such threads end when_full
  explicit FetchThreads(const WeightSource& source);
  ~FetchThreads() { stop(); }
  FetchThreads(const FetchThreads&) = delete;
  FetchThreads& operator=(const FetchThreads&) = delete;

  /// Starts a thread that calls fill(turn), without the lock, for one turn after another: as soon
  /// as the ring has a free buffer and has_input(), called with the lock, is true. `fill` ends with
  /// ring.set_filled(turn), under the lock.
  ///
  /// throws  SystemLimitError
  void start(BufferRing& ring, std::function<bool()> has_input,
             std::function<void(std::int64_t)> fill);
  /// Cancels all rings and ends the threads.
  void stop() noexcept;

  Lock lock() const { return Lock(mutex_); }
  /// Call it after a change, so that the threads that wait for it look again.
  void notify() noexcept { changed_.notify_all(); }

  /// Waits until ready(); throws what failed in a thread.
  void wait(Lock& lock, const std::function<bool()>& ready);
  /// For use within `fill`: waits until ready(). False if the turn is no longer wanted: the ring
  /// was cancelled, a thread has failed, or all are to stop.
  bool wait_while_wanted(Lock& lock, const BufferRing& ring, std::int64_t turn,
                         const std::function<bool()>& ready);

  /// Cancels all rings, and waits for the work in flight. After a failure no further turn starts,
  /// however it ends.
  void cancel(Lock& lock) noexcept;
  /// Forgets the failure, if any. The owner restarts the rings and calls notify().
  void clear_failure() { failure_ = nullptr; }

 private:
  struct Task {
    BufferRing& ring;
    std::function<bool()> has_input;
    std::function<void(std::int64_t)> fill;
  };
  void run(const Task& task);
  bool can_run(const Task& task) const {
    return task.ring.can_fill() && !failure_ && task.has_input();
  }
  bool is_idle() const;

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  Ending ending_;
  std::deque<Task> tasks_;  ///< one of each thread
  int busy_ = 0;            ///< threads that are filling a buffer
  bool stop_ = false;
  std::exception_ptr failure_;
  std::vector<std::jthread> threads_;
};

}  // namespace chitu::memory
