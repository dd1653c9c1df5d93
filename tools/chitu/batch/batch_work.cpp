#include "tools/chitu/batch/batch_work.h"

#include <algorithm>
#include <set>

#include "chitu_core/common/error.h"
#include "chitu_core/common/files.h"
#include "pipelines/output/media_names.h"
#include "tools/chitu/batch/batch_folder.h"

namespace chitu::tools {
namespace fs = std::filesystem;

namespace {

using State = JobRecord::State;
using Step = JobWork::Step;

constexpr const char* kAdvice = "; expected the same as before, or another folder with batch.dir";

JobWork decode_or_all(const JobRecord& record, const fs::path& spill) {
  if (!record.latents) return {};
  if (!is_unchanged(spill, *record.latents))
    return {Step::all, {}, record.latents->name + " is missing or has changed"};
  return {Step::decode, spill / record.latents->name};
}

JobWork done_or_again(const JobRecord& record, const fs::path& folder) {
  for (const MediaDigest& media : record.media)
    if (!is_unchanged(folder, media))
      return {Step::all, {}, media.name + " is missing or has changed"};
  return {Step::none};
}

}  // namespace

JobWork work_left(const JobRecord& record, const BatchPlaces& places, bool retry_failed) {
  const bool retried = retry_failed && (record.state == State::failed || !record.problems.empty());
  if (retried) {
    JobWork work = decode_or_all(record, places.spill);
    if (work.reason.empty()) work.reason = "it is tried again";
    return work;
  }
  if (record.state == State::failed) return {Step::none};
  if (record.state == State::done) return done_or_again(record, places.folder);
  return decode_or_all(record, places.spill);
}

void record_work(Journal& journal, std::size_t job, const JobWork& work, const fs::path& spill) {
  if (work.reason.empty()) return;
  if (work.step == Step::decode)
    journal.add_latents(job, digest_of(spill, work.latents));
  else
    journal.add_reopened(job, work.reason);
}

void check_same_batch(const fs::path& folder, const JournalHeader& begun,
                      const JournalHeader& now) {
  const std::string place = (folder / kJournalName).string() + ":1: the batch was begun with ";
  if (begun.shard != now.shard)
    throw InputError(place + "batch.shard=" + begun.shard + ", now " + now.shard + kAdvice);
  for (const auto& [key, value] : now.settings) {
    const auto before = begun.settings.find(key);
    const std::string old = before == begun.settings.end() ? "null" : before->second;
    if (old != value) throw InputError(place + key + "=" + old + ", now " + value + kAdvice);
  }
}

void check_new_names(const std::vector<PreparedJob>& jobs) {
  for (const PreparedJob& job : jobs)
    for (const auto& media : pipelines::media_names(job.output))
      if (const fs::path path = job.output.dir / media.name; name_exists(path))
        throw InputError(path.string() +
                         ": exists, and no batch made it; expected an empty folder for a new "
                         "batch, see batch.dir");
}

void clean_spill(const fs::path& spill, const JournalContent& journal) noexcept {
  std::set<std::string> kept;
  for (const auto& [job, record] : journal.jobs)
    if (record.latents) kept.insert(fs::path(record.latents->name).filename().string());
  std::error_code ignored;
  std::vector<fs::path> leftovers;
  for (fs::directory_iterator entry(spill, ignored), end; entry != end; entry.increment(ignored))
    if (!kept.contains(entry->path().filename().string())) leftovers.push_back(entry->path());
  for (const fs::path& path : leftovers) fs::remove_all(path, ignored);
}

}  // namespace chitu::tools
