#include "tools/chitu/batch/kept_list.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <sstream>

#include "chitu_core/common/error.h"
#include "chitu_core/common/files.h"
#include "pipelines/model/request_json.h"
#include "pipelines/output/output_name.h"
#include "pipelines/settings/settings.h"

namespace chitu::tools {
namespace {

using nlohmann::json;

constexpr const char* kAdvice =
    "; expected the list that the folder was begun with, or another folder with batch.dir";

json formats_of(const pipelines::Output& output) {
  json names = json::array();
  for (const pipelines::OutputFormat format : output.formats)
    names.push_back(config::name_of(format));
  return names;
}

json line_of(const PreparedJob& job) {
  json line = pipelines::to_json(job.request);
  line["output.name"] = pipelines::literal_template(job.output.name);
  line["output.format"] = formats_of(job.output);
  line["output.contact_sheet"] = job.output.contact_sheet;
  return line;
}

std::string text_of(const json& value) {
  return value.dump(-1, ' ', false, json::error_handler_t::replace);
}

[[noreturn]] void refuse(const std::string& place, const PreparedJob& job, const json& kept,
                         const json& now) {
  for (const auto& [key, value] : now.items())
    if (kept.value(key, json()) != value)
      throw InputError(fmt::format("{}: {} was begun with {}={}, now {}{}", place, title_of(job),
                                   key, text_of(kept.value(key, json())), text_of(value), kAdvice));
  throw InputError(place + ": " + title_of(job) + " was begun otherwise" + kAdvice);
}

std::vector<json> read_lines(const std::filesystem::path& file) {
  std::vector<json> lines;
  std::istringstream text(read_file(file));
  for (std::string line; std::getline(text, line);) {
    lines.push_back(json::parse(line, nullptr, false));
    if (!lines.back().is_object())
      throw InputError(
          fmt::format("{}:{}: is damaged; expected the file as it was left, or another "
                      "folder with batch.dir",
                      file.string(), lines.size()));
  }
  return lines;
}

}  // namespace

std::string kept_list(const std::vector<PreparedJob>& jobs) {
  std::string text;
  for (const PreparedJob& job : jobs) text += text_of(line_of(job)) + "\n";
  return text;
}

void check_same_list(const std::filesystem::path& file, const std::vector<PreparedJob>& jobs,
                     std::size_t journaled) {
  std::vector<json> kept;
  if (name_exists(file)) kept = read_lines(file);
  if (kept.size() < journaled)
    throw InputError(fmt::format(
        "{}: {}, but journal.jsonl has {}; expected both as they were "
        "left, or another folder with batch.dir",
        file.string(), name_exists(file) ? fmt::format("has {} jobs", kept.size()) : "is missing",
        journaled));
  for (std::size_t i = 0; i < std::min(kept.size(), jobs.size()); ++i) {
    // Compared as text is written and read, so that numbers are rounded alike.
    const json now = json::parse(text_of(line_of(jobs[i])));
    if (kept[i] != now) refuse(fmt::format("{}:{}", file.string(), i + 1), jobs[i], kept[i], now);
  }
  if (kept.size() > jobs.size())
    throw InputError(fmt::format("{}: has {} jobs, the list has {} now{}", file.string(),
                                 kept.size(), jobs.size(), kAdvice));
}

}  // namespace chitu::tools
