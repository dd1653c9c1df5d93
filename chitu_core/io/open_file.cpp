#include "chitu_core/io/open_file.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <list>
#include <mutex>
#include <utility>

#include "chitu_core/common/files.h"
#include "chitu_core/common/system_limits.h"

namespace chitu::io {
namespace {

using SharedDescriptor = std::shared_ptr<const Descriptor>;

std::size_t most_open() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return 16;
  return static_cast<std::size_t>(std::clamp<rlim_t>(limit.rlim_cur / 4, 1, 256));
}

/// The open files, most recently used first.
class Recent {
 public:
  static Recent& all() {
    static auto* recent = new Recent;  // files may be read while statics are destroyed
    return *recent;
  }

  SharedDescriptor find(const OpenFile* file) {
    const std::lock_guard lock(mutex_);
    const auto found = place_of(file);
    if (found == files_.end()) return nullptr;
    files_.splice(files_.begin(), files_, found);
    return found->second;
  }

  void keep(const OpenFile* file, SharedDescriptor descriptor) {
    const std::lock_guard lock(mutex_);
    if (place_of(file) != files_.end()) return;
    files_.emplace_front(file, std::move(descriptor));
    const std::size_t most = most_open();
    while (files_.size() > most) files_.pop_back();
  }

  void forget(const OpenFile* file) {
    const std::lock_guard lock(mutex_);
    if (const auto found = place_of(file); found != files_.end()) files_.erase(found);
  }

  void close_all() {
    const std::lock_guard lock(mutex_);
    files_.clear();
  }

 private:
  using Files = std::list<std::pair<const OpenFile*, SharedDescriptor>>;
  Files::iterator place_of(const OpenFile* file) {
    return std::find_if(files_.begin(), files_.end(),
                        [&](const auto& open) { return open.first == file; });
  }

  std::mutex mutex_;
  Files files_;
};

}  // namespace

Descriptor::~Descriptor() { ::close(descriptor_); }

OpenFile::OpenFile(std::filesystem::path path) : path_(std::move(path)) {
  auto opened = open();
  struct stat info{};
  if (::fstat(opened->get(), &info) != 0) fail_system_call(path_.string(), errno);
  if (!S_ISREG(info.st_mode)) throw InputError(path_.string() + ": not a regular file");
  size_ = static_cast<std::size_t>(info.st_size);
  device_ = info.st_dev;
  inode_ = info.st_ino;
  Recent::all().keep(this, std::move(opened));
}

OpenFile::~OpenFile() { Recent::all().forget(this); }

SharedDescriptor OpenFile::open() const {
  const auto try_open = [&] { return ::open(path_.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK); };
  int opened = try_open();
  if (opened < 0 && errno == EMFILE) {
    Recent::all().close_all();  // frees descriptors of less recently used files
    opened = try_open();
  }
  if (opened < 0) fail_to_open(path_, errno);
  return std::make_shared<const Descriptor>(opened);
}

SharedDescriptor OpenFile::descriptor() const {
  if (auto known = Recent::all().find(this)) return known;
  SharedDescriptor opened;
  try {
    opened = open();
  } catch (const InputError& error) {  // no input error: it existed when the run began
    throw Error(error.what());
  }
  struct stat info{};
  const bool same =
      ::fstat(opened->get(), &info) == 0 && info.st_dev == device_ && info.st_ino == inode_;
  if (!same) throw Error(path_.string() + ": the file has been replaced while it was in use");
  Recent::all().keep(this, opened);
  return opened;
}

}  // namespace chitu::io
