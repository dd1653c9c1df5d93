#include "tools/chitu/run_folder.h"

#include <fmt/format.h>

#include "chitu_core/common/error.h"
#include "chitu_core/common/files.h"

namespace chitu::tools {
namespace fs = std::filesystem;

RunFolder::RunFolder(fs::path path, bool unique) : path_(fs::absolute(path).lexically_normal()) {
  if (path_.filename().empty()) path_ = path_.parent_path();
  const auto fail = [&](const fs::path& at, const std::string& why) {
    discard({});
    throw InputError(at.string() + ": cannot make the folder: " + why);
  };
  std::vector<fs::path> missing;
  for (fs::path p = path_.parent_path(); !p.empty() && !fs::exists(p); p = p.parent_path())
    missing.insert(missing.begin(), p);
  std::error_code error;
  for (const fs::path& parent : missing) {
    const bool made = fs::create_directory(parent, error);
    if (error) fail(parent, error.message());
    if (made) made_.push_back(parent);
  }
  const fs::path wanted = path_;
  for (int count = 1;; ++count) {
    const bool made = fs::create_directory(path_, error);
    if (error) fail(path_, error.message());
    if (made) made_.push_back(path_);
    if (made || !unique) break;
    path_ = wanted;
    path_ += fmt::format("-{}", count);
  }
  try {
    lock_.emplace(path_);
  } catch (...) {
    if (!made_.empty()) discard({});
    throw;
  }
}

void RunFolder::write(const fs::path& name, std::string_view bytes) const {
  const fs::path file = path_ / name;
  std::error_code error;
  fs::create_directories(file.parent_path(), error);
  if (error)
    throw InputError(file.parent_path().string() + ": cannot make the folder: " + error.message());
  write_file(file, bytes);
}

void RunFolder::discard(const std::vector<fs::path>& names) noexcept {
  std::error_code ignored;
  for (const fs::path& name : names) fs::remove_all(path_ / name, ignored);
  if (!made_.empty() && made_.back() == path_) fs::remove_all(path_, ignored);
  // remove() leaves a parent that something else has come to use.
  for (auto folder = made_.rbegin(); folder != made_.rend(); ++folder) fs::remove(*folder, ignored);
}

void set_output_folder(config::Composition& composition, const fs::path& folder) {
  composition.root.find("hydra.runtime")
      ->map()
      .set("output_dir", config::Node::literal(folder.string()));
}

}  // namespace chitu::tools
