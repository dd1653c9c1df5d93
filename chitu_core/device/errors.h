#pragma once

namespace chitu::device {

/// Call it in a catch block. Rethrows libtorch's errors as chitu's, without their stack trace and
/// with a type that has an exit code: out of memory becomes OutOfMemoryError.
[[noreturn]] void rethrow_as_own();

/// Calls `work`; what libtorch throws in it becomes chitu's errors.
template <typename Work>
auto with_own_errors(const Work& work) -> decltype(work()) {
  try {
    return work();
  } catch (...) {
    rethrow_as_own();
  }
}

}  // namespace chitu::device
