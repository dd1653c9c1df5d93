#include "chitu_core/common/temporary.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <string>
#include <utility>
#include <vector>

#include "chitu_core/common/system_limits.h"

namespace chitu {
namespace fs = std::filesystem;

namespace {

constexpr std::string_view kPrefix = ".chitu-tmp-";
constexpr std::size_t kLongestExtension = 16;

/// A name that is unique on this machine. Does not contain the name of the target, which may have
/// the maximum length already.
fs::path name_beside(const fs::path& target) {
  static std::atomic<int> count{0};
  std::string name(kPrefix);
  name += std::to_string(::getpid()) + "-" + std::to_string(count++);
  const std::string extension = target.extension().string();
  if (extension.size() <= kLongestExtension) name += extension;
  return target.parent_path() / name;
}

[[noreturn]] void fail_to_write(const fs::path& target, int error) {
  fail_system_call(target.string() + ": cannot write", error);
}

bool is_linked(int descriptor) {
  struct stat info{};
  return ::fstat(descriptor, &info) == 0 && info.st_nlink > 0;
}

int open_folder(const fs::path& path) {
  return ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

int create(const fs::path& path, TemporaryName::Kind kind) {
  if (kind == TemporaryName::Kind::file)
    return ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
  return ::mkdir(path.c_str(), 0777) == 0 ? open_folder(path) : -1;
}

/// Whether no process holds the lock of this file or folder. False where locks do not work.
bool is_abandoned(const fs::path& path) {
  const int opened = ::open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
  if (opened < 0) return false;
  const bool free = ::flock(opened, LOCK_EX | LOCK_NB) == 0;
  ::close(opened);
  return free;
}

}  // namespace

TemporaryName::TemporaryName(fs::path target, Kind kind) : target_(std::move(target)) {
  make(kind);
  // Before it was locked, another process may have removed it as abandoned.
  while (::flock(descriptor_, LOCK_EX | LOCK_NB) == 0 && !is_linked(descriptor_)) make(kind);
}

void TemporaryName::make(Kind kind) {
  if (descriptor_ >= 0) ::close(descriptor_);
  do {
    temporary_ = name_beside(target_);
    descriptor_ = create(temporary_, kind);
  } while (descriptor_ < 0 && errno == EEXIST);
  if (descriptor_ < 0) fail_to_write(target_, errno);
}

TemporaryName::~TemporaryName() {
  std::error_code ignored;
  if (!committed_) fs::remove_all(temporary_, ignored);
  ::close(descriptor_);
}

void TemporaryName::commit() {
  if (::rename(temporary_.c_str(), target_.c_str()) != 0) fail_to_write(target_, errno);
  committed_ = true;
}

TemporaryFile::TemporaryFile(fs::path target) : name_(std::move(target)) {}

void TemporaryFile::write(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t put = ::write(name_.descriptor(), bytes.data(), bytes.size());
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) fail_to_write(name_.target(), errno);
    bytes.remove_prefix(static_cast<std::size_t>(put));
  }
}

void TemporaryFile::commit() {
  // Some file systems cannot flush (EINVAL, EROFS); the rename is still atomic there.
  if (::fsync(name_.descriptor()) != 0 && errno != EINVAL && errno != EROFS)
    fail_to_write(name_.target(), errno);
  name_.commit();
}

void remove_abandoned(const fs::path& folder) noexcept {
  std::error_code ignored;
  std::vector<fs::path> found;
  for (fs::directory_iterator entry(folder, ignored), end; entry != end; entry.increment(ignored))
    if (entry->path().filename().string().starts_with(kPrefix)) found.push_back(entry->path());
  for (const fs::path& path : found)
    if (is_abandoned(path)) fs::remove_all(path, ignored);
}

}  // namespace chitu
