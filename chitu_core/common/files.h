#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

namespace chitu {

/// Why a path could not be opened: the text of `error` (an errno), or for a link whose target is
/// missing, as an unfinished download into the hub's cache leaves them, the link and that target.
std::string open_problem(const std::filesystem::path& path, int error);

/// Whether the name is taken: by a file, a folder, or a link with or without a target.
bool name_exists(const std::filesystem::path& path);

/// Throws for a file that could not be opened: SystemLimitError where a limit of the system is met,
/// else InputError "<path>: <open_problem>".
[[noreturn]] void fail_to_open(const std::filesystem::path& path, int error);

/// Why a path is no folder: "no such folder", "is a file, not a folder", or as open_problem() says.
/// Empty when it is one.
std::optional<std::string> folder_problem(const std::filesystem::path& path);

/// The whole file as bytes. Throws InputError "<path>: <reason>" when it cannot be read.
std::string read_file(const std::filesystem::path& path);

/// Writes under a temporary name beside `path`, flushes to the disk, then renames: a reader sees
/// the old file or the new one, never half. Throws InputError "<path>: <reason>" (a full disk, no
/// permission) and removes what it wrote.
void write_file(const std::filesystem::path& path, std::string_view bytes);

}  // namespace chitu
