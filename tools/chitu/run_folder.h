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

/// The folder of one run, outputs/<date>/<time>, made before the work begins. While this lives, no
/// other process can use it for a run.
class RunFolder {
 public:
  /// Makes the folder and its parents. With `unique`, an existing folder is not used: the name gets
  /// -1, -2 and so on, so that two runs in one second have a folder each. Removes half-written
  /// files of killed runs.
  ///
  /// throws  InputError "<path>: cannot make the folder: <reason>", or that another process is
  ///         writing there
  RunFolder(std::filesystem::path path, bool unique);

  const std::filesystem::path& path() const { return path_; }

  /// Writes a file below the folder, whole or not at all. Makes folders as needed.
  void write(const std::filesystem::path& name, std::string_view bytes);

  /// What write() has written.
  const std::vector<std::filesystem::path>& written() const { return written_; }

  /// Removes the folder with all its files, and the parents that this run made. In a folder that
  /// existed before, removes what write() has written and restores what that replaced.
  void discard() noexcept;

 private:
  void make_folder(const std::filesystem::path& folder);

  std::filesystem::path path_;
  std::vector<std::filesystem::path> made_;                               ///< outermost first
  std::map<std::filesystem::path, std::optional<std::string>> replaced_;  ///< by file written
  std::vector<std::filesystem::path> written_;
  std::optional<FolderLock> lock_;
};

/// Sets `hydra.runtime.output_dir` to the folder of a run; configurations read it as
/// `${hydra:runtime.output_dir}`.
void set_output_folder(config::Composition& composition, const std::filesystem::path& folder);

}  // namespace chitu::tools
