#pragma once

#include <filesystem>
#include <string>
#include <string_view>

namespace chitu::io {

/// Refuses the text that Git LFS leaves in place of a large file that was not fetched.
///
/// bytes   the file, or its beginning
/// throws  InputError "<path>: a Git LFS pointer, not the file; fetch it with: git lfs pull"
void refuse_lfs_pointer(std::string_view bytes, const std::filesystem::path& path);

/// The content of a file.
///
/// throws  InputError if it cannot be read, or is such a pointer
std::string read_fetched_file(const std::filesystem::path& path);

}  // namespace chitu::io
