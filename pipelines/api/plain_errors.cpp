#include "pipelines/api/plain_errors.h"

#include "chitu_core/common/error.h"
#include "chitu_core/common/system_limits.h"

namespace chitu::api {
namespace {

bool is_plain(const std::exception& error) {
  return dynamic_cast<const Error*>(&error) && explain(error) == error.what();
}

}  // namespace

void rethrow_plain(const std::exception& error) {
  if (is_plain(error)) throw;
  const std::string text = explain(error);
  switch (exit_code(error)) {
    case exit_codes::kInputError:
      throw InputError(text);
    case exit_codes::kOutOfMemory:
      if (is_system_limit(error)) throw SystemLimitError(text);
      throw OutOfMemoryError(text);
    case exit_codes::kInterrupted:
      throw Interrupted(text);
    default:
      throw Error(text);
  }
}

}  // namespace chitu::api
