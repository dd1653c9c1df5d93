#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace chitu::tools {

/// One job in a summary.
struct SummaryRow {
  std::size_t job = 0;
  std::string status{};  ///< done, failed or not done
  std::string prompt{};
  std::vector<std::string> files{};  ///< relative to the folder of the summary
  double seconds = 0;
  std::int64_t peak_device_bytes = 0, peak_host_bytes = 0;
  std::string problem{};  ///< why it failed, or what beside the media is missing
  std::string latents{};  ///< of a failed job: kept, relative to the folder; empty = none
};

/// The end of a batch.
struct Summary {
  std::vector<SummaryRow> rows;
  std::size_t list_jobs = 0;  ///< of the whole list, of which this may be a shard
  nlohmann::json windows = nlohmann::json::array();  ///< as in the journal

  std::size_t count(std::string_view status) const;
};

inline constexpr const char *kDone = "done", *kFailed = "failed", *kNotDone = "not done";

/// A row for each job, and the totals.
std::string to_table(const Summary& summary);
std::string to_csv(const Summary& summary);
nlohmann::json to_json(const Summary& summary);

/// One of these, as --format names it: table, json, csv.
std::string summary_text(const Summary& summary, const std::string& format);

/// Reads the summary.json of a folder.
///
/// throws  InputError "<file>: <problem>"
Summary read_summary(const std::filesystem::path& folder);

/// Writes summary.json and summary.csv.
///
/// throws  InputError "<file>: cannot write: <reason>"
void write_summary(const std::filesystem::path& folder, const Summary& summary);

}  // namespace chitu::tools
