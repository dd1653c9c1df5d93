#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

namespace chitu::io {

/// A name beside `target` to write under: commit() renames it to the target, and destroying it
/// before that removes the file. A reader sees the old target or the whole new one.
class TemporaryName {
 public:
  explicit TemporaryName(std::filesystem::path target);
  ~TemporaryName();
  TemporaryName(const TemporaryName&) = delete;
  TemporaryName& operator=(const TemporaryName&) = delete;

  const std::filesystem::path& target() const { return target_; }
  /// Ends in the target's own extension, by which some writers choose a format.
  const std::filesystem::path& temporary() const { return temporary_; }

  /// Throws InputError "<target>: cannot write: <reason>".
  void commit();

 private:
  std::filesystem::path target_;
  std::filesystem::path temporary_;
  bool committed_ = false;
};

/// A file written piece by piece under a TemporaryName.
/// Every member throws InputError "<target>: cannot write: <reason>" (a full disk, no permission);
/// the temporary file is gone then, and the target as it was.
class TemporaryFile {
 public:
  explicit TemporaryFile(std::filesystem::path target);
  ~TemporaryFile();
  TemporaryFile(const TemporaryFile&) = delete;
  TemporaryFile& operator=(const TemporaryFile&) = delete;

  void write(std::string_view bytes);
  /// Flushes to the disk and renames.
  void commit();

 private:
  [[noreturn]] void fail();

  TemporaryName name_;
  int descriptor_ = -1;
};

}  // namespace chitu::io
