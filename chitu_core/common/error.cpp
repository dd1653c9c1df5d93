#include "chitu_core/common/error.h"

#include <cerrno>
#include <new>

#include "chitu_core/common/system_limits.h"

namespace chitu {
namespace {

std::string own_text(const std::exception& error) {
  if (dynamic_cast<const std::bad_alloc*>(&error)) return "out of memory: " + system_reason(ENOMEM);
  return error.what();
}

}  // namespace

std::string explain(const std::exception& error) {
  std::string text = own_text(error);
  try {
    std::rethrow_if_nested(error);
  } catch (const std::exception& cause) {
    text += ": " + explain(cause);
  }
  return text;
}

int exit_code(const std::exception& error) {
  if (dynamic_cast<const InputError*>(&error)) return exit_codes::kInputError;
  if (dynamic_cast<const OutOfMemoryError*>(&error) || is_system_limit(error))
    return exit_codes::kOutOfMemory;
  if (dynamic_cast<const Interrupted*>(&error)) return exit_codes::kInterrupted;
  try {
    std::rethrow_if_nested(error);
  } catch (const std::exception& cause) {
    return exit_code(cause);
  }
  return exit_codes::kFailed;
}

}  // namespace chitu
