#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "tools/chitu/batch/prepared_job.h"

namespace chitu::tools {

/// The expanded list as it is kept in the folder of a batch: JSON Lines that `chitu batch` reads.
std::string kept_list(const std::vector<PreparedJob>& jobs);

/// Checks that a batch goes on with the list that it was begun with. Jobs may have been added at
/// its end.
///
/// file       the list that was kept; it may be missing if the journal names no job
/// journaled  jobs up to the last that the journal names
/// throws     InputError that names the first job that differs, and its key; or the number of jobs
void check_same_list(const std::filesystem::path& file, const std::vector<PreparedJob>& jobs,
                     std::size_t journaled);

}  // namespace chitu::tools
