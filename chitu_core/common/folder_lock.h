#pragma once

#include <cstdint>
#include <filesystem>
#include <utility>

namespace chitu {

/// Keeps other processes from writing into a folder while this lives.
///
/// The lock is the kernel's, on the folder itself: it leaves no file behind, and ends with the
/// process that took it and those forked from it. A folder that this process has locked may be
/// locked again. File systems that cannot lock a folder (some network ones) are written to without
/// a lock.
class FolderLock {
 public:
  /// throws  InputError "<folder>: process 1234 is writing there; ..." when another process has it
  explicit FolderLock(const std::filesystem::path& folder);
  ~FolderLock();
  FolderLock(const FolderLock&) = delete;
  FolderLock& operator=(const FolderLock&) = delete;

 private:
  int descriptor_ = -1;                               ///< -1 without a lock of its own
  std::pair<std::uint64_t, std::uint64_t> folder_{};  ///< device and inode
};

}  // namespace chitu
