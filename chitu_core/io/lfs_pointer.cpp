#include "chitu_core/io/lfs_pointer.h"

#include <string>

#include "chitu_core/common/error.h"

namespace chitu::io {

void refuse_lfs_pointer(std::string_view bytes, const std::filesystem::path& path,
                        std::string_view thing) {
  if (!bytes.starts_with("version https://git-lfs")) return;
  throw InputError(path.string() + ": a Git LFS pointer, not " + std::string(thing) +
                   (thing.ends_with('s') ? "; fetch them" : "; fetch it") + " with: git lfs pull");
}

}  // namespace chitu::io
