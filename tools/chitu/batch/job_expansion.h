#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "tools/chitu/batch/job_list.h"

namespace chitu::tools {

/// One job of an expanded list.
struct ListedJob {
  std::size_t index = 0;         ///< in the whole list, from 0
  std::vector<JobField> fields;  ///< a later one wins over an earlier one with the same key
  std::string place;             ///< for messages: "jobs.yaml:7" or "jobs.yaml:7 (seed=2)"
};

/// Expands `defaults` and `matrix`: every entry once for each combination of the values of the
/// matrix, the last key fastest, as in a sweep.
///
/// fixed   keys that the command line sets: the matrix does not vary them
/// throws  config::ConfigError for an entry that sets a key of the matrix, for an empty list, and
///         above config::kMaxJobs jobs
std::vector<ListedJob> expand_jobs(const JobList& list, const std::string& name,
                                   const std::vector<std::string>& fixed);

}  // namespace chitu::tools
