#pragma once

#include <exception>
#include <string>
#include <string_view>

#include "chitu_core/common/error.h"

namespace chitu {

/// The system has no more threads, processes, memory or open files for this process. The command
/// ends with exit code 3.
class SystemLimitError : public Error {
 public:
  using Error::Error;
};

/// Whether an errno is a limit of the system (EAGAIN, ENOMEM, EMFILE, ENFILE).
bool is_system_limit(int error_number);

/// Whether an error, or one nested in it, is a limit of the system: SystemLimitError,
/// std::bad_alloc, or std::system_error with such an errno.
bool is_system_limit(const std::exception& error);

/// The reason of a failed system call, with the limits that apply: "Too many open files (ulimit -n
/// 64)".
std::string system_reason(int error_number);

/// Throws "<doing>: <reason>" for a failed system call: SystemLimitError at a limit of the system,
/// else InputError.
[[noreturn]] void fail_system_call(std::string_view doing, int error_number);

/// Installs handlers that end the process with one line and exit code 3: for an uncaught exception
/// about memory or a system limit, and for the segmentation fault of a library that does not check
/// malloc(). Any other uncaught exception ends it with one line and exit code 1.
void end_in_one_line();

}  // namespace chitu
