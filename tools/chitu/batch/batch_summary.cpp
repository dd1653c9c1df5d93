#include "tools/chitu/batch/batch_summary.h"

#include "chitu_core/common/nearest.h"

namespace chitu::tools {
namespace {

const char* status_of(JobRecord::State state) {
  if (state == JobRecord::State::done) return kDone;
  return state == JobRecord::State::failed ? kFailed : kNotDone;
}

SummaryRow row_of(const PreparedJob& job, const JobRecord& record, const BatchPlaces& places) {
  SummaryRow row{job.index, status_of(record.state), job.request.prompt, {}};
  for (const MediaDigest& media : record.media) row.files.push_back(media.name);
  row.seconds = record.seconds;
  row.peak_device_bytes = record.peak_device_bytes;
  row.peak_host_bytes = record.peak_host_bytes;
  row.problem = record.error.empty() ? join(record.problems, "; ") : record.error;
  if (const auto latents = kept_latents(record, places))
    row.latents = std::filesystem::proximate(*latents, places.folder).string();
  return row;
}

}  // namespace

std::optional<std::filesystem::path> kept_latents(const JobRecord& record,
                                                  const BatchPlaces& places) {
  if (record.state != JobRecord::State::failed || !record.latents) return std::nullopt;
  return std::filesystem::absolute(places.spill / record.latents->name);
}

Summary summary_of(const std::vector<PreparedJob>& jobs, std::size_t list_jobs,
                   const JournalContent& journal, const BatchPlaces& places) {
  Summary summary;
  summary.list_jobs = list_jobs;
  for (const PreparedJob& job : jobs)
    summary.rows.push_back(row_of(job, journal.record(job.index), places));
  for (const WindowRecord& window : journal.windows) summary.windows.push_back(to_json(window));
  return summary;
}

}  // namespace chitu::tools
