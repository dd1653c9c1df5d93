#include "pipelines/spill/reserved_space.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>
#include <utility>

#include "chitu_core/common/bytes.h"
#include "chitu_core/common/error.h"
#include "chitu_core/common/files.h"

namespace chitu::pipelines {
namespace {

/// Bytes below `from` are reserved already. Returns an errno, 0 also where nothing can be reserved.
int reserve(int descriptor, std::int64_t from, std::int64_t to) {
  int result = 0;
  do result = ::fallocate(descriptor, 0, from, to - from);
  while (result != 0 && errno == EINTR);
  return result == 0 || errno == EOPNOTSUPP || errno == ENOSYS ? 0 : errno;
}

}  // namespace

ReservedSpace::ReservedSpace(std::filesystem::path file, std::int64_t bytes)
    : file_(std::move(file)),
      descriptor_(::open(file_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666)) {
  if (descriptor_ < 0) fail_to_open(file_, errno);
  const int error = bytes > 0 ? reserve(descriptor_, 0, bytes) : 0;
  if (error == 0) {
    bytes_ = bytes;
    return;
  }
  ::close(descriptor_);
  throw InputError(fmt::format("cannot reserve {}: {}", format_bytes_up(bytes),
                               std::generic_category().message(error)));
}

ReservedSpace::~ReservedSpace() {
  ::close(descriptor_);
  std::error_code ignored;
  std::filesystem::remove(file_, ignored);
}

void ReservedSpace::resize(std::int64_t bytes) noexcept {
  if (bytes < bytes_ && ::ftruncate(descriptor_, bytes) == 0) bytes_ = bytes;
  if (bytes > bytes_ && reserve(descriptor_, bytes_, bytes) == 0) bytes_ = bytes;
}

}  // namespace chitu::pipelines
