#include "chitu_core/device/errors.h"

#include <c10/util/Exception.h>

#include <cerrno>
#include <exception>
#include <string>
#include <string_view>

#include "chitu_core/common/error.h"
#include "chitu_core/common/system_limits.h"

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
  } catch (const std::exception& error) {
    // oneDNN's words where it has no memory for its code; what it cannot do has others.
    if (std::string_view(error.what()) == "could not create a primitive")
      fail_system_call("oneDNN could not create a primitive", ENOMEM);
    throw;
  }
}

}  // namespace chitu::device
