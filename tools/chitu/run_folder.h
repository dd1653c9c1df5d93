#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "chitu_core/common/folder_lock.h"
#include "chitu_core/config/compose/compose.h"

namespace chitu::tools {

/// The folder of one run, outputs/<date>/<time>, made before the work begins. While this lives no
/// other process can make a run of it.
class RunFolder {
 public:
  /// Makes the folder and its parents. With `unique`, a folder that is there already is never
  /// shared: the name gets -1, -2 and so on, so two runs in one second stay apart. What a killed
  /// run has left half-written in it is removed.
  ///
  /// throws  InputError "<path>: cannot make the folder: <reason>", or that another process is
  ///         writing there
  RunFolder(std::filesystem::path path, bool unique);

  const std::filesystem::path& path() const { return path_; }

  /// Throws InputError when a folder is where this file is going to be written.
  void check_file(const std::filesystem::path& name) const;

  /// Writes a file below the folder, whole or not at all, making folders as needed.
  void write(const std::filesystem::path& name, std::string_view bytes);

  /// Takes back the folder and everything in it, and the parents that this run made. A folder that
  /// was there before becomes as it was: what write() has written is removed, and what that
  /// replaced comes back.
  void discard() noexcept;

 private:
  void make_folder(const std::filesystem::path& folder);

  std::filesystem::path path_;
  std::vector<std::filesystem::path> made_;                               ///< outermost first
  std::map<std::filesystem::path, std::optional<std::string>> replaced_;  ///< by file written
  std::optional<FolderLock> lock_;
};

/// Makes the folder of a run `hydra.runtime.output_dir`, which configurations read as
/// `${hydra:runtime.output_dir}`.
void set_output_folder(config::Composition& composition, const std::filesystem::path& folder);

}  // namespace chitu::tools
