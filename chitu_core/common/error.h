#pragma once

#include <concepts>
#include <exception>
#include <functional>
#include <stdexcept>
#include <string>
#include <utility>

namespace chitu {

/// What a process returns for what ended it.
namespace exit_codes {
inline constexpr int kFailed = 1, kInputError = 2, kOutOfMemory = 3;
inline constexpr int kInterrupted = 130;  ///< as shells have it for Ctrl-C
}  // namespace exit_codes

/// Root of every error chitu throws on purpose. what() is one sentence the user can act on.
class Error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// The user's input is wrong: a key, a file, a size. The command ends with exit code 2.
class InputError : public Error {
 public:
  using Error::Error;
};

/// Two tensors, or a tensor and a model, disagree about a shape.
class ShapeError : public Error {
 public:
  using Error::Error;
};

/// The device has too little memory. The command ends with exit code 3.
class OutOfMemoryError : public Error {
 public:
  using Error::Error;
};

/// The user asked to stop (Ctrl-C). The command ends with exit code 130, as shells expect.
class Interrupted : public Error {
 public:
  using Error::Error;
};

/// Calls `work`; what it throws leaves nested inside an Error that says what was being done.
template <std::invocable Work>
decltype(auto) with_context(const std::string& doing, Work&& work) {
  try {
    return std::invoke(std::forward<Work>(work));
  } catch (const Interrupted&) {
    throw;
  } catch (const std::exception&) {
    std::throw_with_nested(Error(doing));
  }
}

/// The whole chain on one line, outermost first: "stage decode: layer 3: out of memory".
std::string explain(const std::exception& error);

/// The exit code for an error: that of the InputError, OutOfMemoryError, SystemLimitError or
/// Interrupted that its chain holds, kOutOfMemory for memory, threads and files that the system
/// refused (std::bad_alloc, std::system_error), else kFailed.
int exit_code(const std::exception& error);

}  // namespace chitu
