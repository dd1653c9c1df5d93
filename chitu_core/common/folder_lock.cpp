#include "chitu_core/common/folder_lock.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <time.h>
#include <unistd.h>

#include <cerrno>
#include <fstream>
#include <mutex>
#include <optional>
#include <set>
#include <sstream>
#include <string>

#include "chitu_core/common/system_limits.h"

namespace chitu {
namespace {

using Identity = std::pair<std::uint64_t, std::uint64_t>;

/// The folders that this process, or the one that it was forked from, has locked.
struct Held {
  std::mutex mutex;
  std::set<Identity> folders;
};

Held& held() {
  static Held all;
  return all;
}

/// The process that holds the lock, from /proc/locks; empty when it has ended or is not listed.
std::optional<int> holder(const struct stat& folder) {
  std::ifstream locks("/proc/locks");
  std::optional<int> found;
  for (std::string line; std::getline(locks, line);) {
    std::istringstream words(line);
    std::string number, kind, mode, access, place;
    int process = 0;
    if (!(words >> number >> kind >> mode >> access >> process >> place) || kind != "FLOCK")
      continue;
    if (place.substr(place.rfind(':') + 1) != std::to_string(folder.st_ino)) continue;
    char device[32];
    std::snprintf(device, sizeof device, "%02x:%02x:", major(folder.st_dev), minor(folder.st_dev));
    // On some file systems (overlayfs, btrfs) the device differs from that of stat().
    if (process > 0 && (!found || place.starts_with(device))) found = process;
  }
  if (found && ::kill(*found, 0) != 0 && errno == ESRCH) return std::nullopt;
  return found;
}

/// Locks the folder; waits up to half a second for a process that is about to end. False, with
/// errno set, when it fails.
bool lock_soon(int folder) {
  constexpr int kTries = 25;
  constexpr timespec kPause{0, 20'000'000};
  for (int tries = 1; ::flock(folder, LOCK_EX | LOCK_NB) != 0; ++tries) {
    if (errno != EWOULDBLOCK || tries == kTries) return false;
    ::nanosleep(&kPause, nullptr);
  }
  return true;
}

[[noreturn]] void refuse(const std::filesystem::path& folder, const struct stat& info) {
  const auto process = holder(info);
  throw InputError(folder.string() + ": " +
                   (process ? "process " + std::to_string(*process) : "another process") +
                   " is writing there; wait for it to end or choose another folder");
}

}  // namespace

FolderLock::FolderLock(const std::filesystem::path& folder) {
  const int opened = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (opened < 0 && is_system_limit(errno)) fail_system_call(folder.string(), errno);
  struct stat info{};
  if (opened < 0 || ::fstat(opened, &info) != 0) return;
  folder_ = {info.st_dev, info.st_ino};
  const std::lock_guard lock(held().mutex);
  const bool ours = held().folders.contains(folder_);
  if (!ours && lock_soon(opened)) {
    held().folders.insert(folder_);
    descriptor_ = opened;
    return;
  }
  const bool taken = !ours && errno == EWOULDBLOCK;
  ::close(opened);
  if (taken) refuse(folder, info);
}

FolderLock::~FolderLock() {
  if (descriptor_ < 0) return;
  const std::lock_guard lock(held().mutex);
  held().folders.erase(folder_);
  ::close(descriptor_);
}

}  // namespace chitu
