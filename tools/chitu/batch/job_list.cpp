#include "tools/chitu/batch/job_list.h"

#include "chitu_core/config/yaml/loader.h"
#include "tools/chitu/batch/job_rows.h"
#include "tools/chitu/batch/job_tree.h"
#include "tools/chitu/batch/json_tree.h"

namespace chitu::tools {

JobList read_job_list(const JobSource& source) {
  switch (source.format) {
    case JobFormat::yaml:
      return jobs_of_tree(config::parse_yaml(source.text, source.name), source.name);
    case JobFormat::json:
      return jobs_of_tree(parse_json_tree(source.text, source.name), source.name);
    case JobFormat::jsonl:
      return jobs_of_json_lines(source);
    case JobFormat::csv:
      return jobs_of_csv(source);
    case JobFormat::text:
      return jobs_of_text(source);
  }
  return {};
}

}  // namespace chitu::tools
