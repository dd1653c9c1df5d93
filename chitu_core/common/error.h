#pragma once

#include <concepts>
#include <exception>
#include <functional>
#include <stdexcept>
#include <string>
#include <utility>

namespace chitu {

/// Exit codes of the command.
namespace exit_codes {
inline constexpr int kFailed = 1, kInputError = 2, kOutOfMemory = 3;
inline constexpr int kInterrupted = 130;  ///< the convention of shells for Ctrl-C
}  // namespace exit_codes

/// Base of all errors that chitu throws. what() is one sentence that the user can act on.
class Error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// The user's input is wrong: a key, a file, a size. The command ends with exit code 2.
class InputError : public Error {
 public:
  using Error::Error;
};

/// The shape of a tensor does not fit another tensor or the model.
class ShapeError : public Error {
 public:
  using Error::Error;
};

/// The device has too little memory. The command ends with exit code 3.
class OutOfMemoryError : public Error {
 public:
  using Error::Error;
};

/// The user stopped the run (Ctrl-C). The command ends with exit code 130, as shells expect.
class Interrupted : public Error {
 public:
  using Error::Error;
};

/// Calls `work` and nests its exceptions in an Error with the text `doing`. Interrupted passes
/// unchanged.
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

/// The exit code for an error and those nested in it: kInputError for InputError; kOutOfMemory for
/// OutOfMemoryError and system limits on memory, threads and files (SystemLimitError,
/// std::bad_alloc, std::system_error); the code of Interrupted; else kFailed.
int exit_code(const std::exception& error);

}  // namespace chitu
