#pragma once

#include <exception>

#include "chitu_core/device/errors.h"

namespace chitu::api {

/// Call it in a catch block. Rethrows an error of chitu with the texts of all errors nested in it,
/// as the type that the innermost cause decides: callers see one line and one type.
[[noreturn]] void rethrow_plain(const std::exception& error);

/// Calls `work`; what it throws becomes an error of chitu/errors.h. Other exceptions pass.
template <class Work>
auto with_plain_errors(const Work& work) -> decltype(work()) {
  try {
    return device::with_own_errors(work);
  } catch (const std::exception& error) {
    rethrow_plain(error);
  }
}

}  // namespace chitu::api
