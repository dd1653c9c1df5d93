#pragma once

#include <filesystem>
#include <string_view>

namespace chitu {

/// A name beside `target` to write under: commit() renames it to the target, and destroying it
/// before that removes what is there. A reader sees the old target or the whole new one.
///
/// The file, or the folder, is made at once and stays locked, so that remove_abandoned() can tell
/// it from what a killed process has left.
class TemporaryName {
 public:
  enum class Kind { file, folder };

  /// throws  InputError "<target>: cannot write: <reason>"
  explicit TemporaryName(std::filesystem::path target, Kind kind = Kind::file);
  ~TemporaryName();
  TemporaryName(const TemporaryName&) = delete;
  TemporaryName& operator=(const TemporaryName&) = delete;

  const std::filesystem::path& target() const { return target_; }
  /// Ends in the target's own extension, by which some writers choose a format.
  const std::filesystem::path& temporary() const { return temporary_; }
  /// Of the file or the folder, open for writing where it is a file.
  int descriptor() const { return descriptor_; }

  /// Renames it to the target; a folder replaces an empty one only.
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

/// A file written piece by piece under a TemporaryName.
/// Every member throws InputError "<target>: cannot write: <reason>" (a full disk, no permission);
/// the temporary file is gone then, and the target as it was.
class TemporaryFile {
 public:
  explicit TemporaryFile(std::filesystem::path target);

  void write(std::string_view bytes);
  /// Flushes to the disk and renames.
  void commit();

 private:
  TemporaryName name_;
};

/// Removes the temporary files and folders of processes that were killed while they wrote into this
/// folder. Those of processes that go on are locked, and stay.
void remove_abandoned(const std::filesystem::path& folder) noexcept;

}  // namespace chitu
