#pragma once

#include <exception>
#include <string>
#include <string_view>

#include "chitu_core/common/error.h"

namespace chitu {

/// The system refuses what the process asks for: a thread, a process, memory, an open file. The
/// command ends with exit code 3.
class SystemLimitError : public Error {
 public:
  using Error::Error;
};

/// Whether an errno means that a limit of the system is met (EAGAIN, ENOMEM, EMFILE, ENFILE).
bool is_system_limit(int error_number);

/// Whether an error, or one in its chain, is such a refusal: SystemLimitError, std::bad_alloc, or a
/// std::system_error of these numbers.
bool is_system_limit(const std::exception& error);

/// The reason of a failed system call, with the limits that a user can look at: "Too many open
/// files (ulimit -n 64)".
std::string system_reason(int error_number);

/// Throws "<doing>: <reason>" for a failed system call: SystemLimitError where a limit is met, else
/// InputError.
[[noreturn]] void fail_system_call(std::string_view doing, int error_number);

/// Has the process end with one line and exit code 3 where an error that no thread has caught comes
/// from memory or a limit, and where memory that a library was refused is used all the same, which
/// is a segmentation fault.
void end_in_one_line();

}  // namespace chitu
