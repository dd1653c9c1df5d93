#pragma once

#include <functional>
#include <vector>

#include "chitu_core/config/compose/compose.h"

namespace chitu::tools {

/// How one job of a sweep went.
struct JobResult {
  enum class Status { waiting, done, skipped, failed, interrupted };
  Status status = Status::waiting;
  int code = 0;  ///< exit code of a failed job; 128 + the signal that killed it
  double seconds = 0;
};

/// Runs one job in the calling process, messages included; returns its exit code, never throws.
using JobFunction = std::function<int(std::size_t)>;

/// One after another in this process. Stops behind an interrupted job.
void launch_in_order(std::vector<JobResult>& results, const JobFunction& job);

/// `width` side by side, each in a process of its own, in rising order; fewer where the system lets
/// fewer start. An interrupt reaches the running ones, and no further one starts. When this process
/// ends, so do they.
void launch_processes(std::vector<JobResult>& results, const JobFunction& job, std::size_t width);

/// Runs `work` in a process of its own and returns its exit code, so that what it loads stays
/// there. Throws SystemLimitError when none can be started.
int in_child_process(const std::function<int()>& work);

}  // namespace chitu::tools
