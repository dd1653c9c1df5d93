#pragma once

#include <filesystem>
#include <optional>
#include <string>

namespace chitu {

/// The absolute path, with the links of all its folders followed. It need not exist.
std::filesystem::path with_links_followed(const std::filesystem::path& path);

/// Whether the path is the folder or below it, with links followed. Neither needs to exist.
bool lies_in(const std::filesystem::path& path, const std::filesystem::path& folder);

/// Checks that a file can be written, by writing another one next to it and removing it: only that
/// shows missing permissions, read-only file systems and full disks. An existing file keeps its
/// content. Call it before the work that produces the file.
///
/// given    what the user wrote, for messages: "debug.dump_tensors=/tmp"
/// returns  the file to write, absolute, with links followed
/// throws   InputError "<given>: <problem>"
std::filesystem::path check_output_file(const std::string& given,
                                        const std::filesystem::path& path);

/// The same for a folder that will receive files. Does not create it: if it does not exist, checks
/// the nearest existing parent.
///
/// throws   InputError "<given>: <problem>"
void check_output_folder(const std::string& given, const std::filesystem::path& path);

/// Checks that a run may write under this name: a file may replace a file or a link, a folder only
/// a folder.
///
/// throws   InputError "<path>: is a folder, and the run writes a file there"
void check_kind(const std::filesystem::path& path, bool is_folder);

}  // namespace chitu
