#pragma once

#include "chitu_core/parallel/guidance_ranks.h"
#include "pipelines/model/request.h"
#include "pipelines/stages/denoise_loop.h"

namespace chitu::pipelines {

/// The branches of all ranks, from those that this rank computes: each velocity is sent to the
/// ranks of the other branches, so that all of them take the same step. The same branches if every
/// rank computes all of them.
GuidanceBranches shared_branches(GuidanceBranches mine, const parallel::GuidanceRanks& ranks);

/// throws  InputError if ranks are divided between branches, and the request has one branch only
void check_guidance_ranks(const Request& request, const parallel::ParallelOptions& ranks);

}  // namespace chitu::pipelines
