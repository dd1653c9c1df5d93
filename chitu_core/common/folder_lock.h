#pragma once

#include <cstdint>
#include <filesystem>
#include <utility>

namespace chitu {

/// Locks a folder against writes by other processes, for the lifetime of this object.
///
/// Uses flock() on the folder itself: there is no lock file, and the lock ends with the process and
/// its forks. A process may lock the same folder several times. On file systems that cannot lock a
/// folder (some network ones) it does nothing.
class FolderLock {
 public:
  /// throws  InputError "<folder>: process 1234 is writing there; ..." when another process locked
  /// it
  explicit FolderLock(const std::filesystem::path& folder);
  ~FolderLock();
  FolderLock(const FolderLock&) = delete;
  FolderLock& operator=(const FolderLock&) = delete;

 private:
  int descriptor_ = -1;  ///< -1 when this object does not hold the lock
  std::pair<std::uint64_t, std::uint64_t> folder_{};  ///< device and inode
};

}  // namespace chitu
