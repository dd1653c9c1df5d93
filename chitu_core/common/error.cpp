#include "chitu_core/common/error.h"

namespace chitu {

std::string explain(const std::exception& error) {
  std::string text = error.what();
  try {
    std::rethrow_if_nested(error);
  } catch (const std::exception& cause) {
    text += ": " + explain(cause);
  }
  return text;
}

int exit_code(const std::exception& error) {
  if (dynamic_cast<const InputError*>(&error)) return exit_codes::kInputError;
  if (dynamic_cast<const OutOfMemoryError*>(&error)) return exit_codes::kOutOfMemory;
  if (dynamic_cast<const Interrupted*>(&error)) return exit_codes::kInterrupted;
  try {
    std::rethrow_if_nested(error);
  } catch (const std::exception& cause) {
    return exit_code(cause);
  }
  return exit_codes::kFailed;
}

}  // namespace chitu
