#pragma once

#include <nlohmann/json_fwd.hpp>

#include "chitu_core/parallel/ranks.h"
#include "pipelines/observe/metrics.h"

namespace chitu::tools {

/// What this rank has sent to others so far, in bytes by group.
nlohmann::json sent_by_group(const parallel::Groups& groups);

/// Figures of each rank at the end of a run, as metrics.json has them: lists in the order of the
/// ranks. Every rank calls it.
nlohmann::json figures_of_ranks(const parallel::Ranks& ranks, const pipelines::Metrics& metrics);

}  // namespace chitu::tools
