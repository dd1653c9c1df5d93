#pragma once

#include <c10/core/Stream.h>

#include <functional>

namespace chitu::device::sim {

/// The queues of the simulated device.
///
/// The default stream needs none: its work is done when a call returns, by the thread that calls.
/// Side streams have a thread each, on which copies go on while that thread computes, ordered by
/// events alone, as on a GPU. Safe from several threads.
namespace streams {

c10::Stream default_stream();
/// The side streams, in turn.
c10::Stream from_pool();

/// The calling thread's stream; exchange returns the one before.
c10::Stream current();
c10::Stream exchange(c10::Stream stream);

bool is_side(c10::Stream stream);
/// Does the work after all that the side stream was given before. It must not throw.
void enqueue(c10::Stream side, std::function<void()> work);
/// Whether a stream, or every one, has done all that it was given; and a wait until then.
bool is_idle(c10::Stream stream);
void wait(c10::Stream stream);
void wait_for_all();

/// Events: a moment in the order of a stream, null until it is recorded. What is recorded again is
/// another moment; who waits already waits for the earlier one.
void record(void** event, c10::Stream stream);
void destroy(void* event) noexcept;
bool has_come(void* event);
void wait_for(void* event);
/// What the stream is given later waits for the event.
void block(c10::Stream stream, void* event);
/// Between two that have come.
double elapsed_ms(void* from, void* to);

}  // namespace streams
}  // namespace chitu::device::sim
