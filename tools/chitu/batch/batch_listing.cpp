#include "tools/chitu/batch/batch_listing.h"

#include <fmt/format.h>

#include "chitu_core/common/nearest.h"
#include "chitu_core/common/utf8.h"
#include "pipelines/output/media_names.h"
#include "tools/chitu/batch/batch_work.h"

namespace chitu::tools {
namespace {

constexpr std::size_t kPromptBytes = 60;

const char* word_of(JobWork::Step step, JobRecord::State state) {
  if (step == JobWork::Step::all) return "to do";
  if (step == JobWork::Step::decode) return "decode";
  return state == JobRecord::State::failed ? "failed" : "done";
}

std::string media_of(const PreparedJob& job) {
  std::vector<std::string> names;
  for (const auto& media : pipelines::media_names(job.output)) names.push_back(media.name);
  return join(names, " ");
}

std::string line_of(const PreparedJob& job, const char* word) {
  const auto& request = job.request;
  return fmt::format("{:>5}  {:<6}  {:>4}x{:<4} {:>3} frames {:>3} steps  seed {}  {}  {}\n",
                     job.index, word, request.width, request.height, request.num_frames,
                     request.num_inference_steps, request.seed, media_of(job),
                     shortened(one_line(request.prompt), kPromptBytes));
}

}  // namespace

std::string list_text(const std::vector<PreparedJob>& jobs, const JournalContent& journal,
                      const BatchPlaces& places, bool retry_failed) {
  std::string text;
  std::size_t left = 0;
  for (const PreparedJob& job : jobs) {
    const JobRecord record = journal.record(job.index);
    const JobWork work = work_left(record, places, retry_failed);
    if (work.step != JobWork::Step::none) ++left;
    text += line_of(job, word_of(work.step, record.state));
  }
  return text +
         fmt::format("{} of {} jobs to do, in {}\n", left, jobs.size(), places.folder.string());
}

}  // namespace chitu::tools
