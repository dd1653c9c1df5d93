#pragma once

#include "tools/chitu/batch/job_list.h"

namespace chitu::tools {

/// The jobs of the formats that have one in every line or row; see read_job_list(). They throw
/// InputError "<name>:<line>: <problem>".
JobList jobs_of_json_lines(const JobSource& source);
JobList jobs_of_csv(const JobSource& source);
JobList jobs_of_text(const JobSource& source);

}  // namespace chitu::tools
