#pragma once

namespace chitu::device {

/// Starts the threads on which libtorch runs the calling thread's operators: at::get_num_threads()
/// of them. Otherwise OpenMP starts them with the first parallel operator, and at the system's
/// limit on threads it ends the process.
///
/// throws  SystemLimitError if the system's limit on threads is reached
void start_compute_threads();

/// Sets how many threads libtorch computes with in the whole process, and starts them.
///
/// count   1 or more
/// throws  SystemLimitError if the system has too few; the number is then unchanged
void use_compute_threads(int count);

/// Starts them as start_compute_threads() does, but at the system's limit the calling thread's
/// operators run on it alone.
void start_compute_threads_or_go_alone();

}  // namespace chitu::device
