#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace chitu::tools {

/// How a list of jobs is written.
enum class JobFormat { yaml, json, jsonl, csv, text };

/// The text of a list of jobs.
struct JobSource {
  std::string name;  ///< for messages: the path, or "standard input"
  std::string text;  ///< UTF-8, without a byte order mark
  JobFormat format = JobFormat::yaml;
};

/// What stands for standard input on the command line.
inline constexpr const char* kStandardInput = "-";

/// Reads a list of jobs from a file, or from standard input.
///
/// path    a file, or kStandardInput
/// format  as --list-format names it; empty = by the extension of the file; that of standard input
/// is
///         recognised
/// throws  InputError when it cannot be read, for an unknown extension, and for bytes that are not
///         UTF-8, with their line
JobSource read_job_source(const std::string& path, const std::optional<std::string>& format);

/// The format that a text without a file name seems to have: JSON when it opens with a bracket or a
/// brace, YAML when it opens with an item, a comment or one of the keys of a job file, CSV when its
/// first line names a prompt among other columns, else a prompt in every line.
JobFormat recognise_format(std::string_view text);

}  // namespace chitu::tools
