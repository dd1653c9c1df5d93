#pragma once

#include <string>

#include "chitu_core/common/error.h"

namespace chitu::parallel {

/// Why the ranks cannot go on: what happened first, and to which rank.
struct Failure {
  int rank = 0;
  int code = exit_codes::kFailed;  ///< exit code of the ranks that end because of it
  std::string text{};              ///< one sentence that begins with the rank
  bool operator==(const Failure&) const = default;
};

/// For the store: one text, and back.
std::string to_text(const Failure& failure);
Failure failure_from(const std::string& text);

/// Throws an error with its text and code.
[[noreturn]] void raise(const Failure& failure);

}  // namespace chitu::parallel
