#include "chitu_core/device/errors.h"

#include <c10/util/Exception.h>

#include <string>

#include "chitu_core/common/error.h"

namespace chitu::device {

void rethrow_as_own() {
  try {
    throw;
  } catch (const c10::OutOfMemoryError& error) {
    throw OutOfMemoryError(error.what_without_backtrace());
  } catch (const c10::Error& error) {
    const std::string text = error.what_without_backtrace();
    // The CPU's allocator has no error class of its own.
    const auto refused = text.find("DefaultCPUAllocator: ");
    if (refused != std::string::npos) throw OutOfMemoryError(text.substr(refused));
    throw Error(text);
  }
}

}  // namespace chitu::device
