#pragma once

#include <functional>
#include <vector>

#include "chitu_core/config/compose/compose.h"

namespace chitu::tools {

/// The result of one job of a sweep.
struct JobResult {
  enum class Status { waiting, done, skipped, failed, interrupted };
  Status status = Status::waiting;
  int code = 0;  ///< exit code of a failed job; 128 + the signal that killed it
  double seconds = 0;
};

/// Runs one job in the calling process and prints its errors. Returns its exit code; never throws.
using JobFunction = std::function<int(std::size_t)>;

/// Runs the jobs one after another in this process. Stops after an interrupted job.
void launch_in_order(std::vector<JobResult>& results, const JobFunction& job);

/// Runs up to `width` jobs in parallel, in order, each in a process of its own; fewer when the
/// system cannot start more. An interrupt is passed on to the running jobs, and no further one
/// starts. The jobs end when this process ends.
void launch_processes(std::vector<JobResult>& results, const JobFunction& job, std::size_t width);

/// Runs `work` in a child process, so that what it loads does not stay in this one. Returns its
/// exit code.
///
/// throws  SystemLimitError when no process can be started
int in_child_process(const std::function<int()>& work);

}  // namespace chitu::tools
