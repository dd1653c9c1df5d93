#include "chitu_core/device/errors.h"

#include <c10/util/Exception.h>

#include <cerrno>
#include <exception>
#include <string>
#include <string_view>

#include "chitu_core/common/error.h"
#include "chitu_core/common/system_limits.h"
#include "chitu_core/device/host_allocator.h"

namespace chitu::device {

namespace {

/// Throws SystemLimitError if `text` says that host memory is exhausted, on any device. libtorch's
/// CPU allocator has no error class for it, only a text.
void throw_if_host_is_full(const std::string& text) {
  const auto refused = text.find("DefaultCPUAllocator: ");
  const bool ours = text.starts_with(kHostIsFull);
  if (!ours && refused == std::string::npos) return;
  fail_system_call(ours ? text : text.substr(refused), ENOMEM);
}

}  // namespace

void rethrow_as_own() {
  try {
    throw;
  } catch (const c10::Error& error) {
    const std::string text = error.what_without_backtrace();
    throw_if_host_is_full(text);
    if (dynamic_cast<const c10::OutOfMemoryError*>(&error)) throw OutOfMemoryError(text);
    throw Error(text);
  } catch (const std::exception& error) {
    // oneDNN's text if it has no memory for its code. Unsupported operations have other texts.
    if (std::string_view(error.what()) == "could not create a primitive")
      fail_system_call("oneDNN could not create a primitive", ENOMEM);
    throw;
  }
}

}  // namespace chitu::device
