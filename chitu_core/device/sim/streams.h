#pragma once

#include <c10/core/Stream.h>

#include <functional>

namespace chitu::device::sim {

/// The streams of the simulated device.
///
/// Work on the default stream runs in the calling thread and is done when the call returns. Each
/// side stream has a thread, so its copies overlap with computation and are ordered only by events,
/// as on a GPU. Thread-safe.
namespace streams {

c10::Stream default_stream();
/// A side stream, round robin.
c10::Stream from_pool();

/// The calling thread's stream; exchange() returns the previous one.
c10::Stream current();
c10::Stream exchange(c10::Stream stream);

bool is_side(c10::Stream stream);
/// Queues work on a side stream. It must not throw.
void enqueue(c10::Stream side, std::function<void()> work);
/// Whether a stream has done all its work; waits for one stream or for all.
bool is_idle(c10::Stream stream);
void wait(c10::Stream stream);
void wait_for_all();

/// Events: a point in a stream's queue, null until it is recorded. Recording again sets a new
/// point; a wait that has begun keeps waiting for the earlier one.
void record(void** event, c10::Stream stream);
void destroy(void* event) noexcept;
bool has_come(void* event);
void wait_for(void* event);
/// Work that is queued on the stream later waits for the event.
void block(c10::Stream stream, void* event);
/// Between two events that have come.
double elapsed_ms(void* from, void* to);

}  // namespace streams
}  // namespace chitu::device::sim
