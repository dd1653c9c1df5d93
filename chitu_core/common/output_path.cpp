#include "chitu_core/common/output_path.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <climits>
#include <system_error>

#include "chitu_core/common/error.h"
#include "chitu_core/common/files.h"
#include "chitu_core/common/temporary.h"

namespace chitu {
namespace fs = std::filesystem;

namespace {

constexpr int kMostLinks = 40;  // the limit of Linux

std::string reason(int error) { return std::generic_category().message(error); }

/// What the user wrote, for errors.
struct Given {
  const std::string& text;

  [[noreturn]] void refuse(const std::string& problem) const {
    throw InputError(text + ": " + problem);
  }
  [[noreturn]] void refuse(int error) const { refuse("cannot write: " + reason(error)); }
};

/// Follows the path if it is a link; the target need not exist.
fs::path behind_links(const fs::path& path, const Given& given) {
  fs::path target = fs::absolute(path);
  std::error_code error;
  for (int links = 0; fs::is_symlink(fs::symlink_status(target, error)); ++links) {
    if (links == kMostLinks) given.refuse(ELOOP);
    target = target.parent_path() / fs::read_symlink(target, error);
    if (error) given.refuse(error.value());
  }
  return target;
}

/// Writes a page: an empty file can be created on a full disk.
void probe(const fs::path& folder, const Given& given) {
  static constexpr std::array<char, 4096> page{};
  try {
    TemporaryFile(folder / "probe").write({page.data(), page.size()});
  } catch (const InputError& error) {
    const std::string_view text = error.what();
    const std::size_t problem = text.rfind("cannot write: ");
    given.refuse(std::string(text.substr(problem == std::string::npos ? 0 : problem)));
  }
}

/// Opens the file for writing, which checks permissions, attributes and the file system.
void check_existing(const fs::path& file, const struct stat& info, const Given& given) {
  if (S_ISDIR(info.st_mode)) given.refuse("is a folder, expected a file");
  if (!S_ISREG(info.st_mode)) given.refuse("is a device, a pipe or a socket, expected a file");
  const int opened = ::open(file.c_str(), O_WRONLY | O_CLOEXEC);
  if (opened < 0) given.refuse(errno);
  ::close(opened);
}

void check_text(const fs::path& path, const char* expected, const Given& given) {
  if (path.empty()) given.refuse(std::string("expected ") + expected);
  if (path.native().find('\0') != std::string::npos)
    given.refuse("a path cannot contain a NUL character");
  if (path.native().size() >= PATH_MAX) given.refuse(ENAMETOOLONG);
}

/// The folder, or its nearest existing parent.
fs::path nearest_there(const fs::path& folder, const Given& given) {
  for (fs::path above = folder;; above = above.parent_path()) {
    struct stat info{};
    if (::lstat(above.c_str(), &info) == 0) {
      if (::stat(above.c_str(), &info) != 0)
        given.refuse(errno);  // a link without a target, or a loop
      if (!S_ISDIR(info.st_mode)) given.refuse(ENOTDIR);
      return above;
    }
    if (errno != ENOENT) given.refuse(errno);
    if (above == above.parent_path()) given.refuse(ENOENT);
  }
}

void check_names(const fs::path& path, const fs::path& there, const Given& given) {
  const long longest = ::pathconf(there.c_str(), _PC_NAME_MAX);
  for (const fs::path& name : path)
    if (longest > 0 && name.native().size() > static_cast<std::size_t>(longest))
      given.refuse(ENAMETOOLONG);
}

}  // namespace

fs::path with_links_followed(const fs::path& path) {
  std::error_code error;
  const fs::path whole = fs::weakly_canonical(fs::absolute(path), error);
  const fs::path plain = error ? fs::absolute(path).lexically_normal() : whole;
  return plain.has_filename() ? plain : plain.parent_path();
}

bool lies_in(const fs::path& path, const fs::path& folder) {
  const fs::path relative =
      with_links_followed(path).lexically_relative(with_links_followed(folder));
  return !relative.empty() && *relative.begin() != "..";
}

fs::path check_output_file(const std::string& text, const fs::path& path) {
  const Given given{text};
  check_text(path, "a file", given);
  const fs::path target = behind_links(path, given);
  struct stat info{};
  if (!target.has_filename()) given.refuse("is a folder, expected a file");
  if (::stat(target.c_str(), &info) == 0)
    check_existing(target, info, given);
  else if (errno != ENOENT)
    given.refuse(errno);
  if (const auto problem = folder_problem(target.parent_path()))
    given.refuse("cannot write to " + target.parent_path().string() + ": " + *problem);
  check_names(target.filename(), target.parent_path(), given);
  probe(target.parent_path(), given);
  return target;
}

void check_output_folder(const std::string& text, const fs::path& path) {
  const Given given{text};
  check_text(path, "a folder", given);
  const fs::path folder = fs::absolute(path);
  const fs::path there =
      nearest_there(folder.has_filename() ? folder : folder.parent_path(), given);
  check_names(folder, there, given);
  probe(there, given);
}

void check_kind(const fs::path& path, bool is_folder) {
  std::error_code error;
  const auto there = fs::symlink_status(path, error);
  if (!fs::exists(there) || fs::is_directory(there) == is_folder) return;
  throw InputError(path.string() + (is_folder ? ": is not a folder, and the run makes one there"
                                              : ": is a folder, and the run writes a file there"));
}

}  // namespace chitu
