#pragma once

#include <cstddef>
#include <cstdint>
#include <ctime>
#include <filesystem>
#include <map>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tools/chitu/batch/media_digest.h"

namespace chitu::tools {

/// What a batch was begun with.
struct JournalHeader {
  std::time_t began = 0;
  std::string shard = "1/1";                    ///< Shard::text()
  std::map<std::string, std::string> settings;  ///< keys that decide results, and their values
};

/// What the journal says about one job.
struct JobRecord {
  enum class State { open, sampled, done, failed };
  State state = State::open;
  std::vector<MediaDigest> media{};      ///< of a job that is done
  std::optional<MediaDigest> latents{};  ///< kept for decoding
  std::vector<std::string> problems{};   ///< files beside the media that could not be written
  std::string error{};                   ///< of a job that failed
  int code = 0;                          ///< its exit code
  double seconds = 0;
  std::int64_t peak_device_bytes = 0, peak_host_bytes = 0;
};

/// What one window of jobs took.
struct WindowRecord {
  std::vector<std::size_t> jobs;
  std::map<std::string, std::int64_t> loads;  ///< of each component
  std::int64_t h2d_bytes = 0, d2h_bytes = 0, disk_bytes = 0;
};

/// As it stands in the journal and in summary.json.
nlohmann::json to_json(const WindowRecord& window);

/// What a journal says.
struct JournalContent {
  std::optional<JournalHeader> header{};
  std::map<std::size_t, JobRecord> jobs{};
  std::vector<WindowRecord> windows{};
  std::size_t complete_bytes = 0;  ///< of the file; what follows was being written at a kill

  /// The record of a job; an open one when the journal does not name it.
  JobRecord record(std::size_t job) const;
};

/// The journal in the folder of a batch: a line of JSON for each event, appended and flushed to the
/// disk before the batch goes on.
inline constexpr const char* kJournalName = "journal.jsonl";

/// Reads the journal of a folder. Empty when there is none. A process that was killed leaves at
/// most its last line incomplete, which is left out.
///
/// throws  InputError "<file>:<line>: <problem>" for a damaged line or another version, and when it
///         cannot be read
JournalContent read_journal(const std::filesystem::path& folder);

/// Appends to a journal. Lock the folder first.
class Journal {
 public:
  /// Goes on with the journal of a folder, without an incomplete last line, or begins one.
  ///
  /// throws  as read_journal(); InputError when it cannot be written
  Journal(const std::filesystem::path& folder, const JournalHeader& header);
  ~Journal();
  Journal(const Journal&) = delete;
  Journal& operator=(const Journal&) = delete;

  const JournalContent& content() const { return content_; }

  /// Each appends a line. They throw InputError "<file>: cannot write: <reason>"; the journal is
  /// then as it was.
  void add_latents(std::size_t job, const MediaDigest& latents);
  void add_done(std::size_t job, const JobRecord& record);
  void add_failed(std::size_t job, const JobRecord& record);
  /// Undoes what the journal says about a job: its files changed, or it is tried again.
  void add_reopened(std::size_t job, std::string_view reason);
  void add_window(const WindowRecord& window);

 private:
  void begin(const JournalHeader& header);
  void add(const nlohmann::json& line);
  void append(const nlohmann::json& line);

  std::filesystem::path file_;
  int descriptor_ = -1;
  JournalContent content_;
};

}  // namespace chitu::tools
