#pragma once

#include <filesystem>
#include <vector>

#include "tools/chitu/batch/journal.h"
#include "tools/chitu/batch/prepared_job.h"
#include "tools/chitu/batch/summary.h"

namespace chitu::tools {

/// The summary of a batch, from its journal.
///
/// jobs       of this shard
/// list_jobs  number of jobs of the whole list
Summary summary_of(const std::vector<PreparedJob>& jobs, std::size_t list_jobs,
                   const JournalContent& journal);

}  // namespace chitu::tools
