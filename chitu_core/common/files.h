#pragma once

#include <filesystem>
#include <string>
#include <string_view>

namespace chitu {

/// The whole file as bytes. Throws InputError "<path>: <reason>" when it cannot be read.
std::string read_file(const std::filesystem::path& path);

/// Writes under a temporary name beside `path`, flushes to the disk, then renames: a reader sees
/// the old file or the new one, never half. Throws InputError "<path>: <reason>" (a full disk, no
/// permission) and removes what it wrote.
void write_file(const std::filesystem::path& path, std::string_view bytes);

}  // namespace chitu
