#pragma once

#include <string>
#include <vector>

#include "chitu_core/config/compose/compose.h"

namespace chitu::config {

/// The values that a sweep gives one key, in order.
struct SweepAxis {
  std::string key;                  ///< as an override begins: `seed`, `+seed`, `db@package`
  std::vector<std::string> values;  ///< as an override writes them
  bool varies = false;              ///< two of the values differ
};

/// The jobs of a sweep, as Hydra's basic sweeper makes them: hydra.sweeper.params first, then the
/// command line; a later override of a key takes the place of the earlier; the last key varies
/// fastest. A job is an index into the product of the axes: the list of all jobs is never made.
struct SweepPlan {
  Composition master;           ///< composed with the sweeps left out
  std::vector<SweepAxis> axes;  ///< without hydra.*

  /// Number of jobs: 1 without axes, 0 when one of them has no value.
  std::size_t size() const;
  /// The overrides of one job, without hydra.*.
  std::vector<std::string> job(std::size_t index) const;
  /// Those in which jobs differ; all of them when there is one job alone.
  std::vector<std::string> differences(std::size_t index) const;
};

/// Expands a request; `multirun` is implied. Throws ConfigError, also for more than kMaxJobs jobs.
SweepPlan plan_sweep(const ComposeRequest& request);

}  // namespace chitu::config
