#include "tools/chitu/batch/job_expansion.h"

#include <algorithm>

#include "chitu_core/config/value/error.h"
#include "chitu_core/config/value/limits.h"
#include "chitu_core/config/value/text.h"

namespace chitu::tools {
namespace {

using config::ConfigError;

std::vector<JobAxis> varied(const std::vector<JobAxis>& matrix,
                            const std::vector<std::string>& fixed) {
  std::vector<JobAxis> axes;
  for (const JobAxis& axis : matrix)
    if (std::find(fixed.begin(), fixed.end(), axis.key) == fixed.end()) axes.push_back(axis);
  return axes;
}

void check_entry(const JobEntry& entry, const std::vector<JobAxis>& axes) {
  for (const JobField& field : entry.fields)
    for (const JobAxis& axis : axes)
      if (axis.key == field.key)
        throw ConfigError(field.origin, field.written,
                          "is also in matrix (" + config::to_string(axis.origin) +
                              "), expected it in one of the two");
}

std::size_t combinations(const std::vector<JobAxis>& axes) {
  std::size_t count = 1;
  for (const JobAxis& axis : axes) count *= axis.values.size();
  return count;
}

void check_size(const JobList& list, const std::vector<JobAxis>& axes, const std::string& name) {
  if (list.entries.empty()) throw ConfigError(name + ": has no jobs, expected at least one prompt");
  std::size_t jobs = list.entries.size();
  for (const JobAxis& axis : axes) {
    if (jobs > config::kMaxJobs / axis.values.size())
      throw ConfigError(axis.origin, "matrix",
                        "makes more than " + std::to_string(config::kMaxJobs) + " jobs");
    jobs *= axis.values.size();
  }
}

/// The fields that one combination sets, the last axis fastest.
std::vector<JobField> fields_of(const std::vector<JobAxis>& axes, std::size_t combination) {
  std::vector<JobField> fields(axes.size());
  for (std::size_t k = axes.size(); k-- > 0;) {
    const auto& values = axes[k].values;
    fields[k] = values[combination % values.size()];
    combination /= values.size();
  }
  return fields;
}

std::string place_of(const JobEntry& entry, const std::vector<JobField>& combination) {
  std::string values;
  for (const JobField& field : combination)
    values += (values.empty() ? "" : ", ") + field.written + "=" + config::python_text(field.value);
  return config::to_string(entry.origin) + (values.empty() ? "" : " (" + values + ")");
}

}  // namespace

std::vector<ListedJob> expand_jobs(const JobList& list, const std::string& name,
                                   const std::vector<std::string>& fixed) {
  const std::vector<JobAxis> axes = varied(list.matrix, fixed);
  check_size(list, axes, name);
  std::vector<ListedJob> jobs;
  for (const JobEntry& entry : list.entries) {
    check_entry(entry, axes);
    for (std::size_t i = 0; i < combinations(axes); ++i) {
      const std::vector<JobField> combination = fields_of(axes, i);
      ListedJob job{jobs.size(), list.defaults.fields, place_of(entry, combination)};
      job.fields.insert(job.fields.end(), combination.begin(), combination.end());
      job.fields.insert(job.fields.end(), entry.fields.begin(), entry.fields.end());
      jobs.push_back(std::move(job));
    }
  }
  return jobs;
}

}  // namespace chitu::tools
