#include "pipelines/api/plain_errors.h"

#include "chitu_core/common/error.h"
#include "chitu_core/common/system_limits.h"
#include "chitu_core/common/throw_by_code.h"

namespace chitu::api {
namespace {

bool is_plain(const std::exception& error) {
  return dynamic_cast<const Error*>(&error) && explain(error) == error.what();
}

}  // namespace

void rethrow_plain(const std::exception& error) {
  if (is_plain(error)) throw;
  const std::string text = explain(error);
  const int code = exit_code(error);
  if (is_system_limit(error) && code == exit_codes::kOutOfMemory) throw SystemLimitError(text);
  if (code == exit_codes::kInterrupted) throw Interrupted(text);
  throw_by_code(code, text);
}

}  // namespace chitu::api
