#include "tools/chitu/run_folder.h"

#include <fmt/format.h>

#include <algorithm>

#include "chitu_core/common/error.h"
#include "chitu_core/common/files.h"
#include "chitu_core/common/temporary.h"

namespace chitu::tools {
namespace fs = std::filesystem;

namespace {

/// The folders above `path` that do not exist, outermost first.
std::vector<fs::path> missing_parents(const fs::path& path) {
  std::vector<fs::path> missing;
  std::error_code ignored;
  for (fs::path p = path.parent_path(); p.has_relative_path() && !fs::exists(p, ignored);
       p = p.parent_path())
    missing.push_back(p);
  std::reverse(missing.begin(), missing.end());
  return missing;
}

std::optional<std::string> content_of(const fs::path& file) {
  std::error_code ignored;
  return fs::is_regular_file(file, ignored) ? std::optional(read_file(file)) : std::nullopt;
}

}  // namespace

RunFolder::RunFolder(fs::path path, bool unique) : path_(fs::absolute(path).lexically_normal()) {
  if (path_.filename().empty()) path_ = path_.parent_path();
  try {
    for (const fs::path& parent : missing_parents(path_)) make_folder(parent);
    const fs::path wanted = path_;
    const std::size_t parents = made_.size();
    for (int count = 1;; ++count) {
      make_folder(path_);
      if (made_.size() > parents || !unique) break;
      path_ = wanted;
      path_ += fmt::format("-{}", count);
    }
    lock_.emplace(path_);
  } catch (...) {
    discard();
    throw;
  }
  remove_abandoned(path_);
}

void RunFolder::make_folder(const fs::path& folder) {
  std::error_code error;
  const bool made = fs::create_directory(folder, error);
  if (error == std::errc::file_exists)
    throw InputError(folder.string() + ": is a file, not a folder");
  if (error) throw InputError(folder.string() + ": cannot make the folder: " + error.message());
  if (made) made_.push_back(folder);
}

void RunFolder::write(const fs::path& name, std::string_view bytes) {
  const fs::path file = path_ / name;
  for (const fs::path& parent : missing_parents(file)) make_folder(parent);
  if (!replaced_.contains(file)) replaced_[file] = content_of(file);
  write_file(file, bytes);
  if (std::find(written_.begin(), written_.end(), file) == written_.end()) written_.push_back(file);
}

void RunFolder::discard() noexcept {
  std::error_code ignored;
  for (const auto& [file, before] : replaced_) {
    try {
      if (before) write_file(file, *before);
    } catch (const std::exception&) {
      // The failure that led here is the one to report.
    }
    if (!before) fs::remove(file, ignored);
  }
  if (std::find(made_.begin(), made_.end(), path_) != made_.end()) fs::remove_all(path_, ignored);
  // remove() keeps a parent that is not empty: something else uses it.
  for (auto folder = made_.rbegin(); folder != made_.rend(); ++folder) fs::remove(*folder, ignored);
}

void set_output_folder(config::Composition& composition, const fs::path& folder) {
  composition.root.find("hydra.runtime")
      ->map()
      .set("output_dir", config::Node::literal(folder.string()));
}

}  // namespace chitu::tools
