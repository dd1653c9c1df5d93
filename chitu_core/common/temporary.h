#pragma once

#include <filesystem>
#include <string_view>

namespace chitu {

/// A temporary file or folder next to `target`. commit() renames it to the target; the destructor
/// removes it if it is not committed. A reader sees the old target or the whole new one.
///
/// It is created and locked at once, so that remove_abandoned() can tell it from one that a killed
/// process has left.
class TemporaryName {
 public:
  enum class Kind { file, folder };

  /// throws  InputError "<target>: cannot write: <reason>"
  explicit TemporaryName(std::filesystem::path target, Kind kind = Kind::file);
  ~TemporaryName();
  TemporaryName(const TemporaryName&) = delete;
  TemporaryName& operator=(const TemporaryName&) = delete;

  const std::filesystem::path& target() const { return target_; }
  /// Has the extension of the target, because some writers choose the format by it.
  const std::filesystem::path& temporary() const { return temporary_; }
  /// Descriptor of the file, open for writing, or of the folder.
  int descriptor() const { return descriptor_; }

  /// Renames it to the target; a folder can only replace an empty one.
  ///
  /// throws  InputError "<target>: cannot write: <reason>"
  void commit();

 private:
  void make(Kind kind);

  std::filesystem::path target_;
  std::filesystem::path temporary_;
  int descriptor_ = -1;
  bool committed_ = false;
};

/// A file that is written in parts, under a TemporaryName. Every member throws InputError
/// "<target>: cannot write: <reason>" (disk full, no permission); the target is unchanged then.
class TemporaryFile {
 public:
  explicit TemporaryFile(std::filesystem::path target);

  void write(std::string_view bytes);
  /// Flushes to the disk and renames.
  void commit();

 private:
  TemporaryName name_;
};

/// Removes the temporary files and folders that killed processes have left in this folder. Those of
/// running processes are locked and stay.
void remove_abandoned(const std::filesystem::path& folder) noexcept;

}  // namespace chitu
