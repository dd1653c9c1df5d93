#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "tools/chitu/batch/batch_folder.h"
#include "tools/chitu/batch/journal.h"
#include "tools/chitu/batch/prepared_job.h"

namespace chitu::tools {

/// What is left to do for one job.
struct JobWork {
  enum class Step {
    none,    ///< it is done, or has failed and is not tried again
    decode,  ///< its latents are kept
    all
  };
  Step step = Step::all;
  std::filesystem::path latents{};  ///< to decode
  std::string reason{};             ///< why the journal's word does not count: a file changed
};

/// Compares what the journal says about a job with the files of the folder: a job is done only by
/// its journal line and the digests of its media, and latents count only with their digest.
///
/// retry_failed  a job that failed, or lacks a file beside its media, is tried again
JobWork work_left(const JobRecord& record, const BatchPlaces& places, bool retry_failed);

/// Writes to the journal what work_left() found otherwise than the journal says.
void record_work(Journal& journal, std::size_t job, const JobWork& work,
                 const std::filesystem::path& spill);

/// Checks that a batch goes on as it was begun: with the same shard and the same settings.
///
/// throws  InputError naming the journal, what changed, and what to do
void check_same_batch(const std::filesystem::path& folder, const JournalHeader& begun,
                      const JournalHeader& now);

/// Checks that a new batch replaces no files that it did not make.
///
/// throws  InputError naming the first file
void check_new_names(const std::vector<PreparedJob>& jobs);

/// Removes what killed processes have left in the folder for values between stages: all but latents
/// that the journal names.
void clean_spill(const std::filesystem::path& spill, const JournalContent& journal) noexcept;

}  // namespace chitu::tools
