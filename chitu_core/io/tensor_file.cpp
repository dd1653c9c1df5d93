#include "chitu_core/io/tensor_file.h"

#include <ATen/ATen.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <bit>
#include <cerrno>
#include <cstring>

#include "chitu_core/common/error.h"
#include "chitu_core/common/files.h"
#include "chitu_core/common/nearest.h"
#include "chitu_core/common/system_limits.h"
#include "chitu_core/io/open_file.h"

namespace chitu::io {

static_assert(std::endian::native == std::endian::little, "tensor files are little-endian");

namespace {
constexpr std::int64_t kReadBytes = 4 << 20;  // large for the disk, small for the cache
}

std::int64_t TensorInfo::numel() const {
  std::int64_t count = 1;
  for (const std::int64_t side : shape) count *= side;
  return count;
}

/// The mapped file, unmapped with its last tensor.
class TensorFile::Mapping {
 public:
  explicit Mapping(const std::filesystem::path& path) : file_(path) {
    if (size() == 0) return;  // cannot be mapped; the header check reports it
    void* mapped = ::mmap(nullptr, size(), PROT_READ, MAP_PRIVATE, file_.descriptor()->get(), 0);
    if (mapped == MAP_FAILED) fail_system_call(path.string(), errno);
    data_ = static_cast<const char*>(mapped);
  }
  ~Mapping() {
    if (data_ != nullptr) ::munmap(const_cast<char*>(data_), size());
  }
  Mapping(const Mapping&) = delete;
  Mapping& operator=(const Mapping&) = delete;

  const char* data() const { return data_; }
  std::string_view bytes() const { return {data_, size()}; }

  /// Reads the file directly: unlike a mapped page, a failed read returns an error. Returns the
  /// reason, or null on success.
  const char* read(std::int64_t offset, char* into, std::int64_t count) const {
    const auto file = file_.descriptor();
    while (count > 0) {
      const ssize_t got = ::pread(file->get(), into, static_cast<std::size_t>(count), offset);
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) return std::strerror(errno);
      if (got == 0) return "the file has become shorter";
      into += got;
      offset += got;
      count -= got;
    }
    return nullptr;
  }

  struct stat status() const {
    struct stat info{};
    ::fstat(file_.descriptor()->get(), &info);
    return info;
  }

 private:
  std::size_t size() const { return file_.size(); }

  OpenFile file_;
  const char* data_ = nullptr;
};

TensorFile::TensorFile(const std::filesystem::path& path)
    : path_(path), mapping_(std::make_shared<const Mapping>(path)) {}

std::string_view TensorFile::mapped() const { return mapping_->bytes(); }

void TensorFile::set_header(std::vector<TensorInfo> tensors,
                            std::map<std::string, std::string> metadata) {
  tensors_ = std::move(tensors);
  metadata_ = std::move(metadata);
  for (std::size_t i = 0; i < tensors_.size(); ++i) index_.emplace(tensors_[i].name, i);
}

const TensorInfo& TensorFile::info(const std::string& name) const {
  const auto found = index_.find(name);
  if (found != index_.end()) return tensors_[found->second];
  std::vector<std::string> names;
  for (const TensorInfo& tensor : tensors_) names.push_back(tensor.name);
  throw InputError(path_.string() + ": no tensor \"" + name + "\"" + did_you_mean(name, names));
}

at::Tensor TensorFile::view(const TensorInfo& tensor, at::IntArrayRef shape,
                            at::ScalarType dtype) const {
  // libtorch has no type for read-only memory; a write to these pages faults.
  char* data = const_cast<char*>(mapping_->data()) + tensor.offset_bytes;
  const auto options = at::TensorOptions(dtype);
  const auto aligned = reinterpret_cast<std::uintptr_t>(data) % c10::elementSize(dtype) == 0;
  if (!aligned && tensor.size_bytes > 0) {
    at::Tensor copy = at::empty(shape, options);
    std::memcpy(copy.data_ptr(), data, static_cast<std::size_t>(tensor.size_bytes));
    return copy;
  }
  return at::from_blob(data, shape, [mapping = mapping_](void*) {}, options);
}

at::Tensor TensorFile::tensor(const std::string& name) const {
  const TensorInfo& found = info(name);
  if (!found.encoding) return view(found, found.shape, found.dtype);
  at::Tensor values = at::empty(found.shape, at::TensorOptions(found.dtype));
  read_into(name, values);
  return values;
}

at::Tensor TensorFile::stored(const std::string& name) const {
  const TensorInfo& found = info(name);
  const std::int64_t rows = found.rows();
  return view(found, {rows, rows == 0 ? 0 : found.size_bytes / rows}, at::kByte);
}

namespace {
std::atomic<std::int64_t> reads{0}, bytes_read{0}, failing_read{0};
}  // namespace

void inject_read_fault(std::int64_t number) { failing_read = number; }
std::int64_t read_count() { return reads; }
std::int64_t read_bytes() { return bytes_read; }

void TensorFile::read_data(const TensorInfo& tensor, std::int64_t offset, void* into,
                           std::int64_t count) const {
  const char* reason =
      mapping_->read(tensor.offset_bytes + offset, static_cast<char*>(into), count);
  if (failing_read > 0 && --failing_read == 0) reason = std::strerror(EIO);
  if (reason)
    throw Error(path_.string() + ": tensor \"" + tensor.name + "\": cannot read: " + reason);
  bytes_read += count;
}

namespace {

[[noreturn]] void fail_shape(const TensorInfo& tensor, const char* what) {
  throw Error("tensor \"" + tensor.name + "\": " + what);
}

}  // namespace

void TensorFile::read_into(const std::string& name, at::Tensor& destination) const {
  const TensorInfo& found = info(name);
  if (destination.numel() != found.numel())
    fail_shape(found, "read into a tensor of another shape");
  if (found.encoding)
    read_encoded(found, 0, destination);
  else
    read_elements(found, 0, destination);
}

void TensorFile::read_rows(const std::string& name, std::int64_t first_row,
                           at::Tensor& destination) const {
  const TensorInfo& found = info(name);
  std::vector<std::int64_t> shape = destination.sizes().vec();
  const std::int64_t rows = shape.empty() || found.shape.empty() ? 0 : found.shape[0];
  const bool has_them = rows > 0 && first_row >= 0 && shape[0] <= rows - first_row;
  if (has_them) shape[0] = rows;
  if (!has_them || shape != found.shape || (found.encoding && shape.size() < 2))
    fail_shape(found, "rows read into a tensor of another shape");
  if (found.encoding)
    read_encoded(found, first_row, destination);
  else
    read_elements(found, first_row * (found.numel() / rows), destination);
}

void TensorFile::read_stored_rows(const std::string& name, std::int64_t first_row,
                                  at::Tensor& to) const {
  const TensorInfo& found = info(name);
  const std::int64_t rows = found.rows();
  const std::int64_t row_bytes = rows == 0 ? 0 : found.size_bytes / rows;
  if (to.dim() != 2 || to.size(1) != row_bytes || first_row < 0 || to.size(0) > rows - first_row)
    fail_shape(found, "stored rows read into a tensor of another shape");
  ++reads;
  read_data(found, first_row * row_bytes, to.data_ptr(), to.size(0) * row_bytes);
}

void TensorFile::read_encoded(const TensorInfo& tensor, std::int64_t first_row,
                              at::Tensor& destination) const {
  ++reads;
  if (destination.numel() == 0) return;
  const std::int64_t columns = tensor.numel() / tensor.rows();
  const std::int64_t row_bytes = tensor.encoding->row_bytes(columns);
  const at::Tensor rows = destination.view({-1, columns});
  const std::int64_t at_once = std::max<std::int64_t>(1, kReadBytes / row_bytes);
  const at::Tensor buffer =
      at::empty({std::min(rows.size(0), at_once), row_bytes}, at::TensorOptions(at::kByte));
  for (std::int64_t start = 0; start < rows.size(0); start += buffer.size(0)) {
    const std::int64_t count = std::min(buffer.size(0), rows.size(0) - start);
    const at::Tensor piece = buffer.narrow(0, 0, count);
    read_data(tensor, (first_row + start) * row_bytes, piece.data_ptr(), count * row_bytes);
    at::Tensor values = rows.narrow(0, start, count);
    tensor.encoding->decode(piece, values);
  }
}

void TensorFile::read_elements(const TensorInfo& tensor, std::int64_t first,
                               at::Tensor& destination) const {
  ++reads;
  const auto element = static_cast<std::int64_t>(c10::elementSize(tensor.dtype));
  const auto read = [&](std::int64_t start, at::Tensor into) {
    read_data(tensor, start * element, into.data_ptr(), static_cast<std::int64_t>(into.nbytes()));
  };
  if (!destination.is_contiguous()) fail_shape(tensor, "read into a tensor that is not contiguous");
  if (destination.scalar_type() == tensor.dtype) return read(first, destination);

  const at::Tensor flat = destination.view({-1});
  const at::Tensor buffer =
      at::empty({std::min(flat.numel(), kReadBytes / element)}, at::TensorOptions(tensor.dtype));
  for (std::int64_t start = 0; start < flat.numel(); start += buffer.numel()) {
    const std::int64_t count = std::min(buffer.numel(), flat.numel() - start);
    const at::Tensor piece = buffer.narrow(0, 0, count);
    read(first + start, piece);
    flat.narrow(0, start, count).copy_(piece);
  }
}

void TensorFile::read_bytes(std::int64_t offset, char* into, std::int64_t count) const {
  if (const char* reason = mapping_->read(offset, into, count))
    throw Error(path_.string() + ": cannot read: " + reason);
}

FileIdentity TensorFile::identity() const {
  const struct stat info = mapping_->status();
  const auto nanoseconds = [](const timespec& time) {
    return std::int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec;
  };
  return {static_cast<std::int64_t>(info.st_dev), static_cast<std::int64_t>(info.st_ino),
          info.st_size, nanoseconds(info.st_mtim), nanoseconds(info.st_ctim)};
}

std::string text_of(const FileIdentity& identity) {
  return fmt::format("{} {} {} {} {} ", identity.device, identity.inode, identity.size_bytes,
                     identity.modified_ns, identity.changed_ns);
}

void TensorFile::drop_pages(const std::string& name) const {
  const TensorInfo& found = info(name);
  if (found.size_bytes == 0) return;
  const auto page = static_cast<std::int64_t>(::sysconf(_SC_PAGESIZE));
  // Rounded outwards to whole pages; a neighbour's part of them is read again when needed.
  const std::int64_t begin = found.offset_bytes / page * page;
  const std::int64_t end = found.offset_bytes + found.size_bytes;
  // Only a hint: if it fails, the memory is released later.
  ::madvise(const_cast<char*>(mapping_->data()) + begin, static_cast<std::size_t>(end - begin),
            MADV_DONTNEED);
}

}  // namespace chitu::io
