#include "chitu_core/common/files.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <vector>

#include "chitu_core/common/error.h"
#include "chitu_core/common/system_limits.h"
#include "chitu_core/common/temporary.h"

namespace chitu {
namespace {

class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const { return fd_; }

 private:
  int fd_;
};

/// The first part of the path that is a link without a target; empty when there is none.
std::filesystem::path dangling_link(const std::filesystem::path& path) {
  std::error_code error;
  std::filesystem::path part;
  for (const auto& name : path) {
    part /= name;
    if (std::filesystem::is_symlink(part, error) && !std::filesystem::exists(part, error))
      return part;
  }
  return {};
}

/// Of a pipe whose other end is open.
void wait_for_input(int descriptor) {
  pollfd waiting{descriptor, POLLIN, 0};
  ::poll(&waiting, 1, -1);
}

std::string reason() { return std::strerror(errno); }

}  // namespace

std::string open_problem(const std::filesystem::path& path, int error) {
  const std::filesystem::path link = error == ENOENT ? dangling_link(path) : "";
  if (link.empty()) return std::strerror(error);
  std::error_code ignored;
  const std::string target = std::filesystem::read_symlink(link, ignored).string();
  return (link == path ? "a link to " : link.string() + " is a link to ") + target +
         ", which is missing: is the download complete?";
}

bool name_exists(const std::filesystem::path& path) {
  std::error_code error;
  return std::filesystem::exists(std::filesystem::symlink_status(path, error));
}

void fail_to_open(const std::filesystem::path& path, int error) {
  if (is_system_limit(error)) fail_system_call(path.string(), error);
  throw InputError(path.string() + ": " + open_problem(path, error));
}

std::optional<std::string> folder_problem(const std::filesystem::path& path) {
  if (path.native().find('\0') != std::string::npos) return "a path cannot contain a NUL character";
  if (path.empty()) return "the path is empty";
  struct stat info{};
  if (::stat(path.c_str(), &info) == 0) {
    if (S_ISDIR(info.st_mode)) return std::nullopt;
    return "is a file, not a folder";
  }
  if (errno != ENOENT) return "no such folder: " + reason();
  if (!dangling_link(path).empty()) return open_problem(path, ENOENT);
  return "no such folder";
}

namespace {

/// Of a regular file, a pipe or a terminal.
int open_to_read(const std::filesystem::path& path) {
  // Without O_NONBLOCK, opening a pipe waits until somebody writes to it.
  const int opened = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
  if (opened < 0) fail_to_open(path, errno);
  struct stat info{};
  const bool known = ::fstat(opened, &info) == 0;
  if (known && (S_ISREG(info.st_mode) || S_ISFIFO(info.st_mode) || ::isatty(opened))) return opened;
  ::close(opened);
  throw InputError(path.string() + ": " +
                   (S_ISDIR(info.st_mode) ? std::strerror(EISDIR) : "not a regular file"));
}

}  // namespace

std::string read_file(const std::filesystem::path& path) {
  const Descriptor file(open_to_read(path));
  std::string bytes;
  struct stat info{};
  if (::fstat(file.get(), &info) == 0 && S_ISREG(info.st_mode))
    bytes.reserve(static_cast<std::size_t>(info.st_size));
  std::vector<char> buffer(1 << 16);
  while (true) {
    const ssize_t got = ::read(file.get(), buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0 && errno == EAGAIN) {
      wait_for_input(file.get());
      continue;
    }
    if (got < 0) throw InputError(path.string() + ": " + reason());
    if (got == 0) return bytes;
    bytes.append(buffer.data(), static_cast<std::size_t>(got));
  }
}

void write_file(const std::filesystem::path& path, std::string_view bytes) {
  TemporaryFile file(path);
  file.write(bytes);
  file.commit();
}

}  // namespace chitu
