#pragma once

namespace chitu::device {

/// Starts the threads over which libtorch spreads operators that the calling thread calls: as many
/// as at::get_num_threads() says. OpenMP starts them with the first such operator otherwise, and
/// ends the process where the system has too few.
///
/// throws  SystemLimitError where the system has too few
void start_compute_threads();

/// Likewise for a thread that can do its work alone, and does where the system has too few.
void start_compute_threads_or_go_alone();

}  // namespace chitu::device
