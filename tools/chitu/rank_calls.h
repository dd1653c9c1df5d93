#pragma once

#include <cstddef>
#include <string>

#include "chitu_core/config/compose/compose.h"

namespace chitu::tools {

/// Calls of a sweep in a launch of several ranks, which do each of its jobs together.

/// Joins the other ranks, for all calls of the session that follow.
struct JoinCall {
  static constexpr const char* kCommand = "join";
  config::Composition composition{};  ///< of the first job
  std::size_t jobs = 0;               ///< of the sweep, the same on all ranks
};

/// Gives every rank the text of the first one.
struct ShareCall {
  static constexpr const char* kCommand = "share";
  std::string* text = nullptr;
};

/// Waits until every rank has done its last job.
struct LeaveCall {
  static constexpr const char* kCommand = "leave";
};

}  // namespace chitu::tools
