#pragma once

#include <sys/types.h>

#include <cstdint>
#include <filesystem>
#include <memory>

namespace chitu::io {

/// A file descriptor, closed with its last owner.
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

/// A regular file that is read again and again without being open all the time: a checkpoint may
/// have more shards than a process may have files. Of all such files those stay open that were used
/// last, a quarter of what `ulimit -n` allows and 256 at most. Safe from several threads.
class OpenFile {
 public:
  /// throws  InputError "<path>: <reason>"; SystemLimitError
  explicit OpenFile(std::filesystem::path path);
  ~OpenFile();
  OpenFile(const OpenFile&) = delete;
  OpenFile& operator=(const OpenFile&) = delete;

  std::size_t size() const { return size_; }

  /// The file, opened again where it was closed meanwhile.
  ///
  /// throws  Error "<path>: ..." when it cannot be, or is another file by now; SystemLimitError
  std::shared_ptr<const Descriptor> descriptor() const;

 private:
  std::shared_ptr<const Descriptor> open() const;

  std::filesystem::path path_;
  std::size_t size_ = 0;
  dev_t device_ = 0;
  ino_t inode_ = 0;
};

/// How many of them are open now.
std::size_t open_files();

}  // namespace chitu::io
