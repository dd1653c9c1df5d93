#include "tools/chitu/batch/job_source.h"

#include <algorithm>
#include <array>
#include <filesystem>
#include <iostream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <utility>

#include "chitu_core/common/error.h"
#include "chitu_core/common/expected.h"
#include "chitu_core/common/files.h"
#include "chitu_core/common/nearest.h"
#include "chitu_core/common/utf8.h"
#include "chitu_core/config/value/text.h"

namespace chitu::tools {
namespace {

using Named = std::pair<std::string_view, JobFormat>;

constexpr std::array kFormats{Named{"yaml", JobFormat::yaml}, Named{"json", JobFormat::json},
                              Named{"jsonl", JobFormat::jsonl}, Named{"csv", JobFormat::csv},
                              Named{"text", JobFormat::text}};
constexpr std::array kExtensions{
    Named{".yaml", JobFormat::yaml},    Named{".yml", JobFormat::yaml},
    Named{".json", JobFormat::json},    Named{".jsonl", JobFormat::jsonl},
    Named{".ndjson", JobFormat::jsonl}, Named{".csv", JobFormat::csv},
    Named{".txt", JobFormat::text}};

template <std::size_t N>
std::optional<JobFormat> find(const std::array<Named, N>& among, std::string_view name) {
  for (const auto& [known, format] : among)
    if (known == name) return format;
  return std::nullopt;
}

template <std::size_t N>
std::vector<std::string> names(const std::array<Named, N>& among) {
  std::vector<std::string> all;
  for (const auto& [name, format] : among) all.emplace_back(name);
  return all;
}

JobFormat format_named(const std::string& name) {
  if (const auto format = find(kFormats, name)) return *format;
  throw InputError("--list-format " + name + ": " + expected_one_of(name, names(kFormats)));
}

JobFormat format_of_file(const std::string& path) {
  const std::string extension = config::lower(std::filesystem::path(path).extension().string());
  if (const auto format = find(kExtensions, extension)) return *format;
  throw InputError(path + ": expected a file that ends with " + join(names(kExtensions)) +
                   ", or --list-format");
}

std::string read_standard_input() {
  std::string text{std::istreambuf_iterator<char>(std::cin), {}};
  if (std::cin.bad()) throw InputError("standard input: cannot be read");
  return text;
}

void remove_byte_order_mark(std::string& text) {
  constexpr std::string_view kMark = "\xef\xbb\xbf";
  if (text.starts_with(kMark)) text.erase(0, kMark.size());
}

void check_utf8(const JobSource& source) {
  const auto bad = first_bad_byte(source.text);
  if (!bad) return;
  const auto end = source.text.begin() + static_cast<std::ptrdiff_t>(*bad);
  const auto line = 1 + std::count(source.text.begin(), end, '\n');
  throw InputError(source.name + ":" + std::to_string(line) + ": not valid UTF-8");
}

/// The first line that is not blank.
std::string_view first_line(std::string_view text) {
  const auto start = text.find_first_not_of(" \t\r\n");
  if (start == std::string_view::npos) return {};
  return text.substr(start, text.find('\n', start) - start);
}

bool opens_yaml(std::string_view line) {
  for (const char* opening : {"---", "#", "- ", "defaults:", "matrix:", "jobs:"})
    if (line.starts_with(opening)) return true;
  return false;
}

/// "prompt,seed": names only, one of which is the prompt.
bool opens_csv(std::string_view line) {
  const bool has_names =
      line.find(',') != std::string_view::npos &&
      line.find_first_not_of("abcdefghijklmnopqrstuvwxyz_.,\"\r") == std::string_view::npos;
  return has_names && line.find("prompt") != std::string_view::npos;
}

}  // namespace

JobFormat recognise_format(std::string_view text) {
  const std::string_view line = first_line(text);
  if (line.starts_with('[')) return JobFormat::json;
  if (line.starts_with('{'))
    return nlohmann::json::accept(line) ? JobFormat::jsonl : JobFormat::json;
  if (opens_yaml(line)) return JobFormat::yaml;
  return opens_csv(line) ? JobFormat::csv : JobFormat::text;
}

JobSource read_job_source(const std::string& path, const std::optional<std::string>& format) {
  const bool from_standard_input = path == kStandardInput;
  JobSource source;
  source.name = from_standard_input ? "standard input" : path;
  if (format) source.format = format_named(*format);
  if (!format && !from_standard_input) source.format = format_of_file(path);
  source.text = from_standard_input ? read_standard_input() : read_file(path);
  remove_byte_order_mark(source.text);
  check_utf8(source);
  if (!format && from_standard_input) source.format = recognise_format(source.text);
  return source;
}

}  // namespace chitu::tools
