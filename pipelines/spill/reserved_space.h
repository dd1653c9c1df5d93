#pragma once

#include <cstdint>
#include <filesystem>

namespace chitu::pipelines {

/// Space on a disk that nobody else can take: a file of that size. Where the file system cannot
/// reserve, it does nothing.
class ReservedSpace {
 public:
  /// throws  InputError "<file>: cannot reserve <bytes>: <reason>"
  ReservedSpace(std::filesystem::path file, std::int64_t bytes);
  ~ReservedSpace();
  ReservedSpace(const ReservedSpace&) = delete;
  ReservedSpace& operator=(const ReservedSpace&) = delete;

  /// Gives space back, or reserves more, as far as there is any.
  void resize(std::int64_t bytes) noexcept;

 private:
  std::filesystem::path file_;
  int descriptor_;
  std::int64_t bytes_ = 0;
};

}  // namespace chitu::pipelines
