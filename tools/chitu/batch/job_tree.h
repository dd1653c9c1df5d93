#pragma once

#include <string>

#include "tools/chitu/batch/job_list.h"

namespace chitu::tools {

/// The jobs of a YAML or JSON document; see read_job_list().
///
/// name    of the list, in errors
/// throws  config::ConfigError
JobList jobs_of_tree(const config::Node& root, const std::string& name);

/// One entry: a prompt, or a map of fields.
///
/// throws  config::ConfigError
JobEntry entry_of_tree(const config::Node& node);

}  // namespace chitu::tools
