#include "chitu_core/device/sim/streams.h"

#include <array>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <exception>
#include <memory>
#include <mutex>
#include <optional>
#include <utility>

#include "chitu_core/common/thread.h"
#include "chitu_core/device/compute_threads.h"
#include "chitu_core/device/sim/memory.h"

namespace chitu::device::sim::streams {
namespace {

using Clock = std::chrono::steady_clock;
constexpr std::size_t kSideStreams = 4;

/// A point in a stream's queue, and the time when it was reached.
struct Moment {
  std::optional<Clock::time_point> came;
};
using SharedMoment = std::shared_ptr<Moment>;

struct Side {
  std::deque<std::function<void()>> queue;
  bool working = false;
  bool has_thread = false;
  bool idle() const { return queue.empty() && !working; }
};

/// All streams share one lock: they are few, and their work takes long.
struct Streams {
  std::mutex mutex;
  std::condition_variable changed;
  std::array<Side, kSideStreams> sides;
  std::size_t next = 0;
  std::exception_ptr failure;  ///< of queued work; the next wait throws it

  /// Throws the failure of queued work, once, as real devices do.
  void tell_failure() {
    if (failure) std::rethrow_exception(std::exchange(failure, nullptr));
  }

  /// Threads of streams may outlive every static.
  static Streams& all() {
    static auto* streams = new Streams;
    return *streams;
  }
  Side& side_of(c10::Stream stream) { return sides.at(static_cast<std::size_t>(stream.id() - 1)); }
};

c10::Stream stream_of(std::size_t id) {
  return c10::Stream(c10::Stream::UNSAFE, c10::Device(kType, 0), static_cast<c10::StreamId>(id));
}

thread_local std::size_t current_id = 0;

void work_on(Side& side) {
  start_compute_threads_or_go_alone();
  Streams& streams = Streams::all();
  std::unique_lock lock(streams.mutex);
  while (true) {
    streams.changed.wait(lock, [&] { return !side.queue.empty(); });
    auto work = std::move(side.queue.front());
    side.queue.pop_front();
    side.working = true;
    lock.unlock();
    std::exception_ptr failure;
    try {
      work();
    } catch (...) {
      failure = std::current_exception();
    }
    work = nullptr;  // frees tensors before the stream is reported idle
    lock.lock();
    if (failure) streams.failure = failure;
    side.working = false;
    streams.changed.notify_all();
  }
}

void come(Moment& moment) {
  const std::lock_guard lock(Streams::all().mutex);
  moment.came = Clock::now();
  Streams::all().changed.notify_all();
}

void wait_for_moment(const Moment& moment) {
  Streams& streams = Streams::all();
  std::unique_lock lock(streams.mutex);
  streams.changed.wait(lock, [&] { return moment.came.has_value(); });
  streams.tell_failure();
}

SharedMoment& moment_of(void* event) { return *static_cast<SharedMoment*>(event); }

}  // namespace

c10::Stream default_stream() { return stream_of(0); }

c10::Stream from_pool() {
  Streams& streams = Streams::all();
  const std::lock_guard lock(streams.mutex);
  return stream_of(1 + streams.next++ % kSideStreams);
}

c10::Stream current() { return stream_of(current_id); }

c10::Stream exchange(c10::Stream stream) {
  return stream_of(std::exchange(current_id, static_cast<std::size_t>(stream.id())));
}

bool is_side(c10::Stream stream) { return stream.id() != 0; }

void enqueue(c10::Stream stream, std::function<void()> work) {
  Streams& streams = Streams::all();
  const std::lock_guard lock(streams.mutex);
  Side& side = streams.side_of(stream);
  if (!side.has_thread) start_thread([&side] { work_on(side); }).detach();
  side.has_thread = true;
  side.queue.push_back(std::move(work));
  streams.changed.notify_all();
}

bool is_idle(c10::Stream stream) {
  Streams& streams = Streams::all();
  const std::lock_guard lock(streams.mutex);
  return !is_side(stream) || streams.side_of(stream).idle();
}

void wait(c10::Stream stream) {
  if (!is_side(stream)) return;
  Streams& streams = Streams::all();
  std::unique_lock lock(streams.mutex);
  streams.changed.wait(lock, [&] { return streams.side_of(stream).idle(); });
  streams.tell_failure();
}

void wait_for_all() {
  for (std::size_t id = 1; id <= kSideStreams; ++id) wait(stream_of(id));
}

void record(void** event, c10::Stream stream) {
  const auto moment = std::make_shared<Moment>();
  if (*event)
    moment_of(*event) = moment;
  else
    *event = new SharedMoment(moment);
  if (is_side(stream))
    enqueue(stream, [moment] { come(*moment); });
  else
    come(*moment);
}

void destroy(void* event) noexcept { delete static_cast<SharedMoment*>(event); }

bool has_come(void* event) {
  const std::lock_guard lock(Streams::all().mutex);
  return moment_of(event)->came.has_value();
}

void wait_for(void* event) { wait_for_moment(*moment_of(event)); }

void block(c10::Stream stream, void* event) {
  const SharedMoment moment = moment_of(event);
  if (is_side(stream))
    enqueue(stream, [moment] { wait_for_moment(*moment); });
  else
    wait_for_moment(*moment);
}

double elapsed_ms(void* from, void* to) {
  const std::lock_guard lock(Streams::all().mutex);
  return std::chrono::duration<double, std::milli>(*moment_of(to)->came - *moment_of(from)->came)
      .count();
}

}  // namespace chitu::device::sim::streams
