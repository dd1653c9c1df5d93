#pragma once

#include <string>
#include <vector>

#include "tools/chitu/batch/batch_folder.h"
#include "tools/chitu/batch/journal.h"
#include "tools/chitu/batch/prepared_job.h"

namespace chitu::tools {

/// The expanded list with what is left to do for each job, a line each, as --dry-run prints it.
std::string list_text(const std::vector<PreparedJob>& jobs, const JournalContent& journal,
                      const BatchPlaces& places, bool retry_failed);

}  // namespace chitu::tools
