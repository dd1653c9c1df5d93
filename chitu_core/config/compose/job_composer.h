#pragma once

#include <cstddef>
#include <map>
#include <string>
#include <vector>

#include "chitu_core/config/compose/compose.h"
#include "chitu_core/config/compose/repository.h"
#include "chitu_core/config/compose/sweep.h"
#include "chitu_core/config/override/override.h"

namespace chitu::config {

/// Composes the jobs of a sweep one at a time. A job equals compose() of its overrides, but files
/// are read and merged only once per choice of groups; a job sets its values on a copy. Keeps no
/// job in memory. Files that change during the sweep are not read again.
class JobComposer {
 public:
  /// The plan must outlive this.
  JobComposer(const ComposeRequest& request, const SweepPlan& plan);

  /// The composition of a job, without `steps` and `defaults_tree`, which explain how it came to
  /// be. Throws ConfigError.
  Composition compose(std::size_t job);

 private:
  std::vector<Override> overrides_of(std::size_t job) const;
  const Composition& merged(const std::string& choices, const std::vector<Override>& overrides);

  const SweepPlan& plan_;
  ComposeRequest request_;  ///< shared by all jobs, without overrides
  std::vector<Override> hydra_overrides_;
  Repository groups_;                          ///< only tells which keys are groups
  std::map<std::string, Composition> merged_;  ///< by the overrides that choose groups
};

}  // namespace chitu::config
