#pragma once

#include <string>
#include <vector>

#include "chitu_core/config/value/node.h"
#include "tools/chitu/batch/job_source.h"

namespace chitu::tools {

/// A key that a list of jobs sets, such as request.seed or output.format.
struct JobField {
  std::string key;        ///< with its group
  config::Node value;     ///< with its place in the list
  config::Origin origin;  ///< where the key stands
  std::string written;    ///< the key as it is written there, for messages: seed
};

/// One entry of a list: a request, perhaps with overrides.
struct JobEntry {
  std::vector<JobField> fields;  ///< overrides come last
  config::Origin origin;
};

/// A key of `matrix` and its values.
struct JobAxis {
  std::string key;
  std::vector<JobField> values;
  config::Origin origin;
};

/// A list of jobs as it is written, before `defaults` and `matrix` expand.
struct JobList {
  JobEntry defaults;
  std::vector<JobAxis> matrix;
  std::vector<JobEntry> entries;
};

/// Reads a list of jobs.
///
/// - YAML and JSON: a list of entries, or a map with `jobs` (a list of entries), `defaults` (an
///   entry) and `matrix` (keys with lists of values). An entry is a prompt, or a map of fields.
/// - JSON Lines: an entry in every line.
/// - CSV: a header with the names of fields, then an entry in every row; an empty cell sets
/// nothing.
/// - Text: a prompt in every line that is not blank.
///
/// A field is a key of `request` with or without the group, a key of `output` with the group, or
/// `overrides`, a list of overrides of these keys. Interpolations have a meaning in YAML only.
///
/// throws  InputError "<name>:<line>: <problem>"
JobList read_job_list(const JobSource& source);

}  // namespace chitu::tools
