#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

namespace chitu {

/// Why a path could not be opened: the text of `error` (an errno), or the link and its target when
/// the target is missing, as after an unfinished download into the hub's cache.
std::string open_problem(const std::filesystem::path& path, int error);

/// Whether a file, a folder or a link has this name; a link also when its target is missing.
bool name_exists(const std::filesystem::path& path);

/// Throws for a file that could not be opened: SystemLimitError at a limit of the system, else
/// InputError "<path>: <open_problem>".
[[noreturn]] void fail_to_open(const std::filesystem::path& path, int error);

/// Why a path is not a folder: "no such folder", "is a file, not a folder", or as open_problem().
/// Empty when it is a folder.
std::optional<std::string> folder_problem(const std::filesystem::path& path);

/// The whole file as bytes; a pipe is read to its end, and opening it does not wait for a writer.
/// Throws InputError "<path>: <reason>" when it cannot be read, or is a device such as /dev/zero.
std::string read_file(const std::filesystem::path& path);

/// Writes a temporary file next to `path`, flushes it to disk, and renames it: a reader sees the
/// old file or the whole new one. Throws InputError "<path>: <reason>" (disk full, no permission)
/// and removes the temporary file.
void write_file(const std::filesystem::path& path, std::string_view bytes);

}  // namespace chitu
