#pragma once

namespace chitu::device {

/// Called in a catch block: throws an error of libtorch as the one of chitu that says the same, out
/// of memory as OutOfMemoryError. libtorch's own carry a stack trace and no kind that exit codes
/// know.
[[noreturn]] void rethrow_as_own();

/// Does the work; what libtorch throws meanwhile comes out as chitu's errors.
template <typename Work>
auto with_own_errors(const Work& work) -> decltype(work()) {
  try {
    return work();
  } catch (...) {
    rethrow_as_own();
  }
}

}  // namespace chitu::device
