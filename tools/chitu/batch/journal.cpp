#include "tools/chitu/batch/journal.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <nlohmann/json.hpp>

#include "chitu_core/common/error.h"
#include "chitu_core/common/files.h"
#include "chitu_core/common/system_limits.h"

namespace chitu::tools {
namespace fs = std::filesystem;
using nlohmann::json;

namespace {

constexpr int kVersion = 1;

json to_json(const JournalHeader& header) {
  return {{"journal", kVersion},
          {"began", static_cast<std::int64_t>(header.began)},
          {"shard", header.shard},
          {"settings", header.settings}};
}

JournalHeader header_of(const json& line) {
  if (line.at("journal") != kVersion)
    throw Error("is of version " + line.at("journal").dump() + ", expected " +
                std::to_string(kVersion));
  return {static_cast<std::time_t>(line.at("began").get<std::int64_t>()), line.at("shard"),
          line.at("settings")};
}

void take_cost(JobRecord& record, const json& line) {
  record.seconds = line.at("seconds");
  record.peak_device_bytes = line.at("peak_device_bytes");
  record.peak_host_bytes = line.at("peak_host_bytes");
}

json cost_json(std::size_t job, const char* state, const JobRecord& record) {
  return {{"job", job},
          {"state", state},
          {"seconds", record.seconds},
          {"peak_device_bytes", record.peak_device_bytes},
          {"peak_host_bytes", record.peak_host_bytes}};
}

JobRecord done_record(const json& line) {
  JobRecord record{JobRecord::State::done};
  for (const json& media : line.at("media")) record.media.push_back(media_digest(media));
  for (const json& problem : line.at("problems")) record.problems.push_back(problem);
  take_cost(record, line);
  return record;
}

JobRecord failed_record(const json& line) {
  JobRecord record{JobRecord::State::failed};
  record.error = line.at("error");
  record.code = line.at("code");
  if (line.contains("latents")) record.latents = media_digest(line.at("latents"));
  take_cost(record, line);
  return record;
}

JobRecord sampled_record(const json& line) {
  JobRecord record{JobRecord::State::sampled};
  record.latents = media_digest(line.at("latents"));
  return record;
}

JobRecord record_of(const json& line) {
  const std::string state = line.at("state");
  if (state == "sampled") return sampled_record(line);
  if (state == "done") return done_record(line);
  if (state == "failed") return failed_record(line);
  if (state == "reopened") return {};
  throw Error("unknown state " + state);
}

WindowRecord window_of(const json& line) {
  return {line.at("jobs"), line.at("loads"), line.at("h2d_bytes"), line.at("d2h_bytes"),
          line.at("disk_bytes")};
}

/// The complete lines of a journal and their size. A last line that is cut short was being written
/// when the process ended.
struct Lines {
  std::vector<json> lines{};
  std::size_t bytes = 0;
};

[[noreturn]] void refuse_line(const fs::path& file, std::size_t line, const std::string& problem) {
  const std::string remedy =
      line == 1 ? "or another batch.dir"
                : "or none from this line on: if you delete it and those after it, their jobs are "
                  "made again";
  throw InputError(file.string() + ":" + std::to_string(line) + ": " + problem +
                   "; expected the journal of a batch, " + remedy);
}

Lines read_lines(const fs::path& file) {
  const std::string text = read_file(file);
  Lines found;
  while (found.bytes < text.size()) {
    const std::size_t end = text.find('\n', found.bytes);
    const bool is_last = end == std::string::npos || end + 1 == text.size();
    json line = json::parse(text.substr(found.bytes, end - found.bytes), nullptr, false);
    if (end == std::string::npos || (is_last && line.is_discarded())) break;
    if (!line.is_object()) refuse_line(file, found.lines.size() + 1, "is damaged");
    found.lines.push_back(std::move(line));
    found.bytes = end + 1;
  }
  return found;
}

template <class Use>
void use_line(const fs::path& file, std::size_t number, const Use& use) {
  try {
    use();
  } catch (const json::exception&) {
    refuse_line(file, number, "is damaged");
  } catch (const InputError&) {
    throw;
  } catch (const Error& error) {
    refuse_line(file, number, error.what());
  }
}

void take_line(JournalContent& content, const json& line) {
  if (line.contains("window"))
    content.windows.push_back(window_of(line.at("window")));
  else
    content.jobs[line.at("job").get<std::size_t>()] = record_of(line);
}

}  // namespace

json to_json(const WindowRecord& window) {
  return {{"jobs", window.jobs},
          {"loads", window.loads},
          {"h2d_bytes", window.h2d_bytes},
          {"d2h_bytes", window.d2h_bytes},
          {"disk_bytes", window.disk_bytes}};
}

JobRecord JournalContent::record(std::size_t job) const {
  const auto found = jobs.find(job);
  return found == jobs.end() ? JobRecord{} : found->second;
}

JournalContent read_journal(const fs::path& folder) {
  const fs::path file = folder / kJournalName;
  JournalContent content;
  if (!name_exists(file)) return content;
  const Lines found = read_lines(file);
  content.complete_bytes = found.bytes;
  for (std::size_t i = 0; i < found.lines.size(); ++i)
    use_line(file, i + 1, [&] {
      if (i == 0)
        content.header = header_of(found.lines[i]);
      else
        take_line(content, found.lines[i]);
    });
  return content;
}

Journal::Journal(const fs::path& folder, const JournalHeader& header)
    : file_(folder / kJournalName), content_(read_journal(folder)) {
  descriptor_ = ::open(file_.c_str(), O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
  if (descriptor_ < 0) fail_system_call(file_.string() + ": cannot write", errno);
  try {
    begin(header);
  } catch (...) {
    ::close(descriptor_);
    throw;
  }
}

void Journal::begin(const JournalHeader& header) {
  if (::ftruncate(descriptor_, static_cast<off_t>(content_.complete_bytes)) != 0)
    fail_system_call(file_.string() + ": cannot write", errno);
  if (content_.header) return;
  append(to_json(header));
  content_.header = header;
}

Journal::~Journal() { ::close(descriptor_); }

void Journal::append(const json& line) {
  const std::string text = line.dump(-1, ' ', false, json::error_handler_t::replace) + "\n";
  struct stat before{};
  const bool known = ::fstat(descriptor_, &before) == 0;
  const ssize_t put = ::write(descriptor_, text.data(), text.size());
  int error = put < 0 ? errno : ENOSPC;  // a short write is the end of the disk
  if (put == static_cast<ssize_t>(text.size())) {
    // Some file systems cannot flush (EINVAL, EROFS).
    if (::fdatasync(descriptor_) == 0 || errno == EINVAL || errno == EROFS) return;
    error = errno;
  }
  // Where this fails as well, the next reader drops the incomplete line.
  if (known && ::ftruncate(descriptor_, before.st_size) != 0) error = errno;
  fail_system_call(file_.string() + ": cannot write", error);
}

void Journal::add(const json& line) {
  append(line);
  take_line(content_, line);
}

void Journal::add_latents(std::size_t job, const MediaDigest& latents) {
  add({{"job", job}, {"state", "sampled"}, {"latents", tools::to_json(latents)}});
}

void Journal::add_done(std::size_t job, const JobRecord& record) {
  json line = cost_json(job, "done", record);
  line["media"] = json::array();
  for (const MediaDigest& media : record.media) line["media"].push_back(tools::to_json(media));
  line["problems"] = record.problems;
  add(line);
}

void Journal::add_failed(std::size_t job, const JobRecord& record) {
  json line = cost_json(job, "failed", record);
  line["error"] = record.error;
  line["code"] = record.code;
  if (record.latents) line["latents"] = tools::to_json(*record.latents);
  add(line);
}

void Journal::add_reopened(std::size_t job, std::string_view reason) {
  add({{"job", job}, {"state", "reopened"}, {"reason", reason}});
}

void Journal::add_window(const WindowRecord& window) { add({{"window", tools::to_json(window)}}); }

}  // namespace chitu::tools
