#pragma once

namespace chitu::device {

/// Starts the threads over which libtorch spreads operators that the calling thread calls: as many
/// as at::get_num_threads() says. OpenMP starts them with the first such operator otherwise, and
/// ends the process where the system has too few.
///
/// throws  SystemLimitError where the system has too few
void start_compute_threads();

/// Sets how many threads libtorch computes with in the whole process, and starts them.
///
/// count   1 or more
/// throws  SystemLimitError where the system has too few
void use_compute_threads(int count);

/// Starts them as start_compute_threads() does; where the system has too few, the calling thread
/// computes alone.
void start_compute_threads_or_go_alone();

}  // namespace chitu::device
