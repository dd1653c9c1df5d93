#include "chitu_core/io/lfs_pointer.h"

#include "chitu_core/common/error.h"
#include "chitu_core/common/files.h"

namespace chitu::io {

void refuse_lfs_pointer(std::string_view bytes, const std::filesystem::path& path) {
  if (!bytes.starts_with("version https://git-lfs")) return;
  throw InputError(path.string() +
                   ": a Git LFS pointer, not the file; fetch it with: git lfs pull");
}

std::string read_fetched_file(const std::filesystem::path& path) {
  std::string bytes = read_file(path);
  refuse_lfs_pointer(bytes, path);
  return bytes;
}

}  // namespace chitu::io
