#include "tools/chitu/batch/decode_job.h"

#include <vector>

#include "chitu_core/common/nearest.h"
#include "chitu_core/common/shell_text.h"
#include "pipelines/output/output_name.h"
#include "pipelines/settings/settings.h"
#include "tools/chitu/kept_latents.h"

namespace chitu::tools {
namespace {

using Words = std::vector<std::string>;

void add_output(Words& words, const pipelines::Output& output) {
  Words formats;
  for (const pipelines::OutputFormat format : output.formats)
    formats.emplace_back(config::name_of(format));
  words.push_back("output.format=[" + join(formats, ",") + "]");
  if (output.contact_sheet) words.emplace_back("output.contact_sheet=true");
  words.insert(words.end(), {"--set-str", "output.name", pipelines::literal_template(output.name)});
}

}  // namespace

std::string decode_job_command(const BatchList& list, const PreparedJob& job,
                               const std::filesystem::path& latents) {
  Words words{"chitu", "decode", latents.string()};
  words.insert(words.end(), list.compose_flags.begin(), list.compose_flags.end());
  for (const std::string& override : list.composition.task_overrides)
    if (!is_of_group(override, {"request", "output", "batch", "hydra"})) words.push_back(override);
  add_output(words, job.output);
  return shell_line(words);
}

}  // namespace chitu::tools
