#pragma once

#include <filesystem>
#include <optional>
#include <string>

namespace chitu {

/// Whether the path lies below the folder, or is it, links followed. Neither needs to exist.
bool lies_in(const std::filesystem::path& path, const std::filesystem::path& folder);

/// Finds out whether a file can be written there, by writing one beside it and removing it again:
/// rights, read-only file systems and full disks show only then. A file that is there keeps its
/// content. Call it before work whose result goes there.
///
/// given    what the user wrote, for messages: "debug.dump_tensors=/tmp"
/// returns  the file to write, absolute and behind all links
/// throws   InputError "<given>: <problem>"
std::filesystem::path check_output_file(const std::string& given,
                                        const std::filesystem::path& path);

/// Likewise for a folder in which files are going to be written. One that is not there is not made:
/// the nearest folder above it is tried.
///
/// throws   InputError "<given>: <problem>"
void check_output_folder(const std::string& given, const std::filesystem::path& path);

}  // namespace chitu
