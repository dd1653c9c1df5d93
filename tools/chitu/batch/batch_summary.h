#pragma once

#include <filesystem>
#include <optional>
#include <vector>

#include "tools/chitu/batch/batch_folder.h"
#include "tools/chitu/batch/journal.h"
#include "tools/chitu/batch/prepared_job.h"
#include "tools/chitu/batch/summary.h"

namespace chitu::tools {

/// The latents of a job that failed after it was sampled, absolute.
std::optional<std::filesystem::path> kept_latents(const JobRecord& record,
                                                  const BatchPlaces& places);

/// The summary of a batch, from its journal.
///
/// jobs       of this shard
/// list_jobs  number of jobs of the whole list
Summary summary_of(const std::vector<PreparedJob>& jobs, std::size_t list_jobs,
                   const JournalContent& journal, const BatchPlaces& places);

}  // namespace chitu::tools
