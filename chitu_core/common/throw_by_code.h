#pragma once

#include <string>

namespace chitu {

/// Throws an error with this text that has the exit code: InputError, OutOfMemoryError,
/// InterruptedBy for that of a signal, else Error.
[[noreturn]] void throw_by_code(int exit_code, const std::string& text);

}  // namespace chitu
