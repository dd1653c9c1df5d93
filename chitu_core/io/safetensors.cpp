#include "chitu_core/io/safetensors.h"

#include <ATen/ATen.h>
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
#include "chitu_core/io/safetensors_header.h"

namespace chitu::io {

static_assert(std::endian::native == std::endian::little, "safetensors data is little-endian");

namespace {
constexpr std::int64_t kReadBytes = 4 << 20;  // large for the disk, small for the cache
}

std::int64_t TensorInfo::numel() const {
  std::int64_t count = 1;
  for (const std::int64_t side : shape) count *= side;
  return count;
}

/// The mapped file, unmapped with its last tensor.
class SafetensorsFile::Mapping {
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

SafetensorsFile::SafetensorsFile(const std::filesystem::path& path)
    : path_(path), mapping_(std::make_shared<const Mapping>(path)) {
  SafetensorsHeader header = parse_safetensors_header(mapping_->bytes(), path_);
  tensors_ = std::move(header.tensors);
  metadata_ = std::move(header.metadata);
  for (std::size_t i = 0; i < tensors_.size(); ++i) index_.emplace(tensors_[i].name, i);
}

const TensorInfo& SafetensorsFile::info(const std::string& name) const {
  const auto found = index_.find(name);
  if (found != index_.end()) return tensors_[found->second];
  std::vector<std::string> names;
  for (const TensorInfo& tensor : tensors_) names.push_back(tensor.name);
  throw InputError(path_.string() + ": no tensor \"" + name + "\"" + did_you_mean(name, names));
}

at::Tensor SafetensorsFile::tensor(const std::string& name) const {
  const TensorInfo& found = info(name);
  // libtorch has no type for read-only memory; a write to these pages faults.
  char* data = const_cast<char*>(mapping_->data()) + found.offset_bytes;
  const auto options = at::TensorOptions(found.dtype);
  const auto aligned = reinterpret_cast<std::uintptr_t>(data) % c10::elementSize(found.dtype) == 0;
  if (!aligned && found.size_bytes > 0) {
    at::Tensor copy = at::empty(found.shape, options);
    std::memcpy(copy.data_ptr(), data, static_cast<std::size_t>(found.size_bytes));
    return copy;
  }
  return at::from_blob(data, found.shape, [mapping = mapping_](void*) {}, options);
}

namespace {
std::atomic<std::int64_t> reads{0}, bytes_read{0}, failing_read{0};
}  // namespace

void inject_read_fault(std::int64_t number) { failing_read = number; }
std::int64_t read_count() { return reads; }
std::int64_t read_bytes() { return bytes_read; }

void SafetensorsFile::read_into(const std::string& name, at::Tensor& destination) const {
  const TensorInfo& found = info(name);
  if (destination.numel() != found.numel())
    throw Error("tensor \"" + name + "\": read into a tensor of another shape");
  read_elements(found, 0, destination);
}

void SafetensorsFile::read_rows(const std::string& name, std::int64_t first_row,
                                at::Tensor& destination) const {
  const TensorInfo& found = info(name);
  std::vector<std::int64_t> shape = destination.sizes().vec();
  const std::int64_t rows = shape.empty() || found.shape.empty() ? 0 : found.shape[0];
  const bool has_them = rows > 0 && first_row >= 0 && shape[0] <= rows - first_row;
  if (has_them) shape[0] = rows;
  if (!has_them || shape != found.shape)
    throw Error("tensor \"" + name + "\": rows read into a tensor of another shape");
  read_elements(found, first_row * (found.numel() / rows), destination);
}

void SafetensorsFile::read_elements(const TensorInfo& tensor, std::int64_t first,
                                    at::Tensor& destination) const {
  ++reads;
  const auto element = static_cast<std::int64_t>(c10::elementSize(tensor.dtype));
  const auto read = [&](std::int64_t start, at::Tensor into) {
    const auto bytes = static_cast<std::int64_t>(into.nbytes());
    const char* reason = mapping_->read(tensor.offset_bytes + start * element,
                                        static_cast<char*>(into.data_ptr()), bytes);
    if (failing_read > 0 && --failing_read == 0) reason = std::strerror(EIO);
    if (reason)
      throw Error(path_.string() + ": tensor \"" + tensor.name + "\": cannot read: " + reason);
    bytes_read += bytes;
  };
  if (!destination.is_contiguous())
    throw Error("tensor \"" + tensor.name + "\": read into a tensor that is not contiguous");
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

void SafetensorsFile::read_bytes(std::int64_t offset, char* into, std::int64_t count) const {
  if (const char* reason = mapping_->read(offset, into, count))
    throw Error(path_.string() + ": cannot read: " + reason);
}

FileIdentity SafetensorsFile::identity() const {
  const struct stat info = mapping_->status();
  const auto nanoseconds = [](const timespec& time) {
    return std::int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec;
  };
  return {static_cast<std::int64_t>(info.st_dev), static_cast<std::int64_t>(info.st_ino),
          info.st_size, nanoseconds(info.st_mtim), nanoseconds(info.st_ctim)};
}

void SafetensorsFile::drop_pages(const std::string& name) const {
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
