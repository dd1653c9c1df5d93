#pragma once

#include <filesystem>
#include <string_view>

namespace chitu::io {

/// Refuses the text that Git LFS leaves in place of a large file that was not fetched.
///
/// bytes   the file, or its beginning
/// thing   what the file should be, such as "the weights"
/// throws  InputError "<path>: a Git LFS pointer, not <thing>; fetch ... with: git lfs pull"
void refuse_lfs_pointer(std::string_view bytes, const std::filesystem::path& path,
                        std::string_view thing);

}  // namespace chitu::io
