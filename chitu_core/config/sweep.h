#pragma once

#include <string>
#include <vector>

#include "chitu_core/config/compose.h"

namespace chitu::config {

/// The jobs of a sweep, as Hydra's basic sweeper makes them: hydra.sweeper.params first, then the
/// command line; a later override of a key takes the place of the earlier; the last key varies
/// fastest.
struct SweepPlan {
  Composition master;                          ///< composed with the sweeps left out
  std::vector<std::vector<std::string>> jobs;  ///< the overrides of each job, without hydra.*
};

/// Expands a request; `multirun` is implied. Throws ConfigError, also for more than kMaxJobs jobs.
SweepPlan plan_sweep(const ComposeRequest& request);

/// The request of one job: its overrides and those of Hydra's node, with hydra.job.num set.
ComposeRequest job_request(const ComposeRequest& request, const SweepPlan& plan, std::size_t job);

}  // namespace chitu::config
