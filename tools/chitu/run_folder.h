#pragma once

#include <filesystem>
#include <optional>
#include <string_view>
#include <vector>

#include "chitu_core/common/folder_lock.h"
#include "chitu_core/config/compose.h"

namespace chitu::tools {

/// The folder of one run, outputs/<date>/<time>, made before the work begins. While this lives no
/// other process can make a run of it.
class RunFolder {
 public:
  /// Makes the folder and its parents. With `unique`, a folder that is there already is never
  /// shared: the name gets -1, -2 and so on, so two runs in one second stay apart.
  ///
  /// throws  InputError "<path>: cannot make the folder: <reason>", or that another process is
  ///         writing there
  RunFolder(std::filesystem::path path, bool unique);

  const std::filesystem::path& path() const { return path_; }

  /// Writes a file below the folder, whole or not at all, making folders as needed.
  void write(const std::filesystem::path& name, std::string_view bytes) const;

  /// Takes back the folder and everything in it, and the parents that this run made; a folder that
  /// was there before keeps what it held, and loses `names` alone.
  void discard(const std::vector<std::filesystem::path>& names) noexcept;

 private:
  std::filesystem::path path_;
  std::vector<std::filesystem::path> made_;  ///< outermost first
  std::optional<FolderLock> lock_;
};

/// Makes the folder of a run `hydra.runtime.output_dir`, which configurations read as
/// `${hydra:runtime.output_dir}`.
void set_output_folder(config::Composition& composition, const std::filesystem::path& folder);

}  // namespace chitu::tools
