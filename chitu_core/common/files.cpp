#include "chitu_core/common/files.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "chitu_core/common/error.h"

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

/// The first part of the path that is a link to nothing; empty when there is none.
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

std::string folder_problem(const std::filesystem::path& path) {
  std::error_code error;
  const auto status = std::filesystem::status(path, error);
  if (std::filesystem::is_directory(status)) return "";
  if (std::filesystem::exists(status)) return "not a folder";
  if (status.type() != std::filesystem::file_type::not_found) return std::strerror(error.value());
  const bool dangling = !dangling_link(path).empty();
  return dangling ? open_problem(path, ENOENT) : "no such folder";
}

std::string read_file(const std::filesystem::path& path) {
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (file.get() < 0) throw InputError(path.string() + ": " + open_problem(path, errno));
  std::string bytes;
  struct stat info{};
  if (::fstat(file.get(), &info) == 0 && S_ISREG(info.st_mode))
    bytes.reserve(static_cast<std::size_t>(info.st_size));
  char buffer[1 << 16];
  while (true) {
    const ssize_t got = ::read(file.get(), buffer, sizeof buffer);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) throw InputError(path.string() + ": " + reason());
    if (got == 0) return bytes;
    bytes.append(buffer, static_cast<std::size_t>(got));
  }
}

void write_file(const std::filesystem::path& path, std::string_view bytes) {
  std::filesystem::path temporary = path;
  temporary += ".tmp" + std::to_string(::getpid());
  const auto fail = [&](const std::string& why) {
    ::unlink(temporary.c_str());
    throw InputError(path.string() + ": cannot write: " + why);
  };
  {
    const Descriptor file(
        ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666));
    if (file.get() < 0) fail(reason());
    while (!bytes.empty()) {
      const ssize_t put = ::write(file.get(), bytes.data(), bytes.size());
      if (put < 0 && errno == EINTR) continue;
      if (put < 0) fail(reason());
      bytes.remove_prefix(static_cast<std::size_t>(put));
    }
    if (::fsync(file.get()) != 0 && errno != EINVAL && errno != EROFS) fail(reason());
  }
  if (::rename(temporary.c_str(), path.c_str()) != 0) fail(reason());
}

}  // namespace chitu
