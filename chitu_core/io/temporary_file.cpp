#include "chitu_core/io/temporary_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstring>
#include <utility>

#include "chitu_core/common/error.h"

namespace chitu::io {
namespace {

/// Unique among the threads of this process and among the processes of this machine.
std::filesystem::path name_beside(const std::filesystem::path& target) {
  static std::atomic<int> count{0};
  const std::string number = std::to_string(::getpid()) + "-" + std::to_string(count++);
  return target.parent_path() /
         (".tmp" + number + "-" + target.stem().string() + target.extension().string());
}

[[noreturn]] void fail_to_write(const std::filesystem::path& target, int error) {
  throw InputError(target.string() + ": cannot write: " + std::strerror(error));
}

}  // namespace

TemporaryName::TemporaryName(std::filesystem::path target)
    : target_(std::move(target)), temporary_(name_beside(target_)) {}

TemporaryName::~TemporaryName() {
  if (!committed_) ::unlink(temporary_.c_str());
}

void TemporaryName::commit() {
  if (::rename(temporary_.c_str(), target_.c_str()) != 0) fail_to_write(target_, errno);
  committed_ = true;
}

TemporaryFile::TemporaryFile(std::filesystem::path target) : name_(std::move(target)) {
  descriptor_ = ::open(name_.temporary().c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
  if (descriptor_ < 0) fail();
}

TemporaryFile::~TemporaryFile() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

void TemporaryFile::write(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t put = ::write(descriptor_, bytes.data(), bytes.size());
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) fail();
    bytes.remove_prefix(static_cast<std::size_t>(put));
  }
}

void TemporaryFile::commit() {
  // Some file systems cannot flush (EINVAL, EROFS); the rename is still whole there.
  if (::fsync(descriptor_) != 0 && errno != EINVAL && errno != EROFS) fail();
  if (::close(std::exchange(descriptor_, -1)) != 0) fail();
  name_.commit();
}

void TemporaryFile::fail() { fail_to_write(name_.target(), errno); }

}  // namespace chitu::io
