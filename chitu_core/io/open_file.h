#pragma once

#include <sys/types.h>

#include <cstdint>
#include <filesystem>
#include <memory>

namespace chitu::io {

/// A file descriptor, closed by its last owner.
class Descriptor {
 public:
  explicit Descriptor(int descriptor) : descriptor_(descriptor) {}
  ~Descriptor();
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const { return descriptor_; }

 private:
  int descriptor_;
};

/// A regular file that is read repeatedly but not kept open: a checkpoint may have more shards than
/// a process may open files. The most recently used files stay open: a quarter of `ulimit -n`, at
/// most 256. Thread-safe.
class OpenFile {
 public:
  /// throws  InputError "<path>: <reason>"; SystemLimitError
  explicit OpenFile(std::filesystem::path path);
  ~OpenFile();
  OpenFile(const OpenFile&) = delete;
  OpenFile& operator=(const OpenFile&) = delete;

  std::size_t size() const { return size_; }

  /// The file, reopened if it was closed.
  ///
  /// throws  Error "<path>: ..." if it cannot be opened or was replaced; SystemLimitError
  std::shared_ptr<const Descriptor> descriptor() const;

 private:
  std::shared_ptr<const Descriptor> open() const;

  std::filesystem::path path_;
  std::size_t size_ = 0;
  dev_t device_ = 0;
  ino_t inode_ = 0;
};

}  // namespace chitu::io
