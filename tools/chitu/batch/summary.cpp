#include "tools/chitu/batch/summary.h"

#include <fmt/format.h>

#include <algorithm>

#include "chitu_core/common/bytes.h"
#include "chitu_core/common/error.h"
#include "chitu_core/common/files.h"
#include "chitu_core/common/nearest.h"
#include "chitu_core/common/utf8.h"
#include "tools/chitu/batch/batch_folder.h"
#include "tools/chitu/batch/csv.h"

namespace chitu::tools {
namespace {

using nlohmann::json;

constexpr int kVersion = 1;
constexpr std::size_t kPromptBytes = 48;

double total_seconds(const Summary& summary) {
  double seconds = 0;
  for (const SummaryRow& row : summary.rows) seconds += row.seconds;
  return seconds;
}

/// The peak on the device; that of the process where the host computes.
std::int64_t peak_of(const SummaryRow& row) {
  return row.peak_device_bytes > 0 ? row.peak_device_bytes : row.peak_host_bytes;
}

json text_or_null(const std::string& text) { return text.empty() ? json() : json(text); }
std::string text_at(const json& row, const char* key) {
  const json text = row.value(key, json());
  return text.is_null() ? "" : text.get<std::string>();
}

json to_json(const SummaryRow& row) {
  return {{"job", row.job},
          {"status", row.status},
          {"prompt", row.prompt},
          {"files", row.files},
          {"seconds", row.seconds},
          {"peak_device_bytes", row.peak_device_bytes},
          {"peak_host_bytes", row.peak_host_bytes},
          {"problem", text_or_null(row.problem)},
          {"latents", text_or_null(row.latents)}};
}

SummaryRow row_of(const json& row) {
  return {row.at("job"),
          row.at("status"),
          row.at("prompt"),
          row.at("files"),
          row.at("seconds"),
          row.at("peak_device_bytes"),
          row.at("peak_host_bytes"),
          text_at(row, "problem"),
          text_at(row, "latents")};
}

std::string table_row(const SummaryRow& row) {
  const bool is_done = row.status == kDone;
  return fmt::format("{:>5}  {:<8}  {:>9}  {:>10}  {}  {}\n", row.job, row.status,
                     is_done ? fmt::format("{:.1f}", row.seconds) : "",
                     is_done ? format_bytes(peak_of(row)) : "",
                     row.files.empty() ? "-" : join(row.files, " "),
                     shortened(one_line(row.prompt), kPromptBytes));
}

std::string totals(const Summary& summary) {
  std::vector<std::string> parts;
  for (const char* status : {kDone, kFailed, kNotDone})
    if (const std::size_t count = summary.count(status))
      parts.push_back(fmt::format("{} {}", count, status));
  return fmt::format("{} jobs{}{}; {:.1f} s\n", summary.rows.size(), parts.empty() ? "" : ": ",
                     join(parts), total_seconds(summary));
}

}  // namespace

std::size_t Summary::count(std::string_view status) const {
  return static_cast<std::size_t>(std::count_if(
      rows.begin(), rows.end(), [&](const SummaryRow& row) { return row.status == status; }));
}

std::string to_table(const Summary& summary) {
  std::string text = fmt::format("{:>5}  {:<8}  {:>9}  {:>10}  {}\n", "job", "status", "seconds",
                                 "peak", "file  prompt");
  for (const SummaryRow& row : summary.rows) text += table_row(row);
  return text + totals(summary);
}

std::string to_csv(const Summary& summary) {
  std::string text = "job,status,prompt,file,seconds,peak_device_bytes,peak_host_bytes,problem\r\n";
  for (const SummaryRow& row : summary.rows)
    text += fmt::format("{},{},{},{},{:.3f},{},{},{}\r\n", row.job, row.status,
                        csv_cell(row.prompt), csv_cell(join(row.files, ";")), row.seconds,
                        row.peak_device_bytes, row.peak_host_bytes, csv_cell(row.problem));
  return text;
}

json to_json(const Summary& summary) {
  json all{{"schema_version", kVersion},
           {"jobs", json::array()},
           {"windows", summary.windows},
           {"totals",
            {{"jobs", summary.rows.size()},
             {"done", summary.count(kDone)},
             {"failed", summary.count(kFailed)},
             {"not_done", summary.count(kNotDone)},
             {"list_jobs", summary.list_jobs},
             {"seconds", total_seconds(summary)}}}};
  for (const SummaryRow& row : summary.rows) all["jobs"].push_back(to_json(row));
  return all;
}

std::string summary_text(const Summary& summary, const std::string& format) {
  if (format == "csv") return to_csv(summary);
  if (format != "json") return to_table(summary);
  return to_json(summary).dump(1, ' ', false, json::error_handler_t::replace) + "\n";
}

Summary read_summary(const std::filesystem::path& folder) {
  const auto file = folder / kSummaryJson;
  const json read = json::parse(read_file(file), nullptr, false);
  try {
    if (read.at("schema_version") != kVersion)
      throw InputError(file.string() + ": is of version " + read.at("schema_version").dump() +
                       ", expected " + std::to_string(kVersion));
    Summary summary;
    for (const json& row : read.at("jobs")) summary.rows.push_back(row_of(row));
    summary.list_jobs = read.at("totals").at("list_jobs");
    summary.windows = read.at("windows");
    return summary;
  } catch (const json::exception&) {
    throw InputError(file.string() + ": is damaged; expected the summary of a batch");
  }
}

void write_summary(const std::filesystem::path& folder, const Summary& summary) {
  write_file(folder / kSummaryJson, summary_text(summary, "json"));
  write_file(folder / kSummaryCsv, summary_text(summary, "csv"));
}

}  // namespace chitu::tools
