#pragma once

#include <string>
#include <vector>

#include "chitu_core/config/compose/compose.h"

namespace chitu::config {

/// One key of a sweep and its values, in order.
struct SweepAxis {
  std::string key;                  ///< as in an override: `seed`, `+seed`, `db@package`
  std::vector<std::string> values;  ///< as in an override
  bool varies = false;              ///< two of the values differ
};

/// The jobs of a sweep in the order of Hydra's basic sweeper: first hydra.sweeper.params, then the
/// command line; the last override of a key wins; the last key varies fastest. A job is an index
/// into the product of the axes, so no list of jobs is kept in memory.
struct SweepPlan {
  Composition master;           ///< composed without the sweeps
  std::vector<SweepAxis> axes;  ///< without hydra.*

  /// Number of jobs: 1 without axes, 0 when one of them has no value.
  std::size_t size() const;
  /// The overrides of one job, without hydra.*.
  std::vector<std::string> job(std::size_t index) const;
  /// The overrides that differ between jobs; all overrides when there is only one job.
  std::vector<std::string> differences(std::size_t index) const;
};

/// Plans the sweep of a request; `multirun` is implied. Throws ConfigError, also above kMaxJobs.
SweepPlan plan_sweep(const ComposeRequest& request);

}  // namespace chitu::config
