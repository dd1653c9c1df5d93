#include "chitu_core/io/gguf/gguf_header.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <limits>
#include <set>
#include <utility>

#include "chitu_core/common/error.h"
#include "chitu_core/common/nearest.h"
#include "chitu_core/io/gguf/block_types.h"
#include "chitu_core/io/lfs_pointer.h"
#include "chitu_core/io/quoted_name.h"

namespace chitu::io {
namespace {

constexpr std::string_view kMagic = "GGUF";
constexpr std::uint32_t kLeastVersion = 2, kMostVersion = 3;
constexpr std::uint64_t kDefaultAlignment = 32, kMostAlignment = 1 << 20;
constexpr std::uint32_t kMostDimensions = 8;
constexpr std::uint64_t kLargestOffset = std::numeric_limits<std::int64_t>::max() / 2;
constexpr std::string_view kOriginalShape = "comfy.gguf.orig_shape.";

/// Types of metadata values by their number in a file: bytes of each, 0 for the two below.
constexpr std::uint32_t kScalarBytes[] = {1, 1, 2, 2, 4, 4, 4, 1, 0, 0, 8, 8, 8};
constexpr std::uint32_t kInt32 = 5, kUint32 = 4, kText = 8, kArray = 9;

class HeaderReader {
 public:
  HeaderReader(std::string_view bytes, const std::filesystem::path& path)
      : bytes_(bytes), path_(path) {}

  GgufHeader read() {
    refuse_lfs_pointer(bytes_, path_);
    if (!is_gguf(bytes_)) fail("not a GGUF file: it does not begin with GGUF");
    at_ = kMagic.size();
    check_version(number<std::uint32_t>());
    const auto tensors = number<std::uint64_t>(), values = number<std::uint64_t>();
    for (std::uint64_t i = 0; i < values; ++i) read_value();
    for (std::uint64_t i = 0; i < tensors; ++i) read_tensor();
    place_tensors();
    check_data();
    return std::move(header_);
  }

 private:
  [[noreturn]] void fail(const std::string& problem) const {
    throw InputError(path_.string() + ": " + problem);
  }
  [[noreturn]] void fail(const std::string& tensor, const std::string& problem) const {
    fail(fmt::format("tensor {}: {}", quoted_name(tensor), problem));
  }

  /// The next bytes. The header has no end of its own, so counts that it gives end here at the
  /// latest.
  std::string_view take(std::uint64_t count) {
    if (count > bytes_.size() - at_)
      fail(fmt::format("truncated: its header goes on at byte {}, found {} bytes", at_,
                       bytes_.size()));
    const std::string_view taken = bytes_.substr(at_, count);
    at_ += count;
    return taken;
  }
  template <class T>
  T number() {
    T value;
    std::memcpy(&value, take(sizeof(T)).data(), sizeof(T));
    return value;
  }
  std::string text() { return std::string(take(number<std::uint64_t>())); }

  void check_version(std::uint32_t version) const {
    if (version >= kLeastVersion && version <= kMostVersion) return;
    if ((version & 0xffff) == 0) fail("a big-endian GGUF file, expected a little-endian one");
    fail(fmt::format("GGUF version {}, expected {} or {}", version, kLeastVersion, kMostVersion));
  }

  void read_value() {
    const std::string key = text();
    if (!keys_.insert(key).second) fail(quoted_name(key) + ": given twice");
    const auto type = number<std::uint32_t>();
    if (type == kText) {
      header_.metadata[key] = text();
    } else if (type == kArray) {
      read_array(key);
    } else {
      const std::string_view value = take(scalar_bytes(key, type));
      if (key == "general.alignment") set_alignment(type, value);
      if (key == "split.count") refuse_split(value);
    }
  }

  std::uint64_t scalar_bytes(const std::string& key, std::uint32_t type) const {
    if (type >= std::size(kScalarBytes) || kScalarBytes[type] == 0)
      fail(fmt::format("{}: unknown type {} of metadata", quoted_name(key), type));
    return kScalarBytes[type];
  }

  void read_array(const std::string& key) {
    const auto type = number<std::uint32_t>();
    const auto count = number<std::uint64_t>();
    if (type == kText) {
      for (std::uint64_t i = 0; i < count; ++i) take(number<std::uint64_t>());
      return;
    }
    if (type == kArray) fail(quoted_name(key) + ": a list of lists is not supported");
    const std::uint64_t bytes = scalar_bytes(key, type);
    if (count > bytes_.size() / bytes) take(bytes_.size());  // fails, without an overflow
    const std::string_view values = take(count * bytes);
    if (key.starts_with(kOriginalShape)) read_original_shape(key, type, values);
  }

  void read_original_shape(const std::string& key, std::uint32_t type, std::string_view values) {
    if (type != kInt32 || values.size() / sizeof(std::int32_t) > kMostDimensions)
      fail(quoted_name(key) + ": expected a few 32-bit integers");
    std::vector<std::int64_t> shape;
    for (std::size_t at = 0; at < values.size(); at += sizeof(std::int32_t)) {
      std::int32_t side = 0;
      std::memcpy(&side, values.data() + at, sizeof(side));
      if (side < 0) fail(quoted_name(key) + ": expected integers of 0 or more");
      shape.push_back(side);
    }
    original_shapes_[key.substr(kOriginalShape.size())] = shape;
  }

  void set_alignment(std::uint32_t type, std::string_view value) {
    std::uint32_t alignment = 0;
    if (type == kUint32) std::memcpy(&alignment, value.data(), sizeof(alignment));
    if (alignment == 0 || (alignment & (alignment - 1)) != 0 || alignment > kMostAlignment)
      fail(fmt::format("general.alignment: expected a power of two up to {}", kMostAlignment));
    alignment_ = alignment;
  }

  void refuse_split(std::string_view value) const {
    const auto parts = static_cast<unsigned char>(value.front());  // little-endian
    if (parts > 1)
      fail(
          fmt::format("one of {} parts of a GGUF file; merge them first, with llama-gguf-split "
                      "--merge",
                      parts));
  }

  void read_tensor() {
    TensorInfo info;
    info.name = text();
    info.file = path_;
    if (!names_.insert(info.name).second) fail(info.name, "listed twice");
    std::uint64_t values = 1;
    info.shape = shape(info.name, values);
    const GgmlType type = known_type(info.name, number<std::uint32_t>());
    info.dtype = type.dtype;
    info.encoding = type.encoding;
    info.size_bytes = size_bytes(info, type, values);
    const auto offset = number<std::uint64_t>();
    if (offset > kLargestOffset) fail(info.name, "its offset is beyond what a file can hold");
    info.offset_bytes = static_cast<std::int64_t>(offset);
    header_.tensors.push_back(std::move(info));
  }

  /// Reversed: the file has the fastest dimension first.
  std::vector<std::int64_t> shape(const std::string& name, std::uint64_t& values) {
    const auto dimensions = number<std::uint32_t>();
    if (dimensions > kMostDimensions)
      fail(name, fmt::format("{} dimensions, the most is {}", dimensions, kMostDimensions));
    std::vector<std::int64_t> shape;
    for (std::uint32_t i = 0; i < dimensions; ++i) {
      const auto side = number<std::uint64_t>();
      if (__builtin_mul_overflow(values, std::max<std::uint64_t>(side, 1), &values) ||
          values > kLargestOffset / sizeof(double))
        fail(name, "its size overflows");
      shape.insert(shape.begin(), static_cast<std::int64_t>(side));
    }
    return shape;
  }

  GgmlType known_type(const std::string& name, std::uint32_t id) const {
    GgmlType type = ggml_type(id);
    if (type.is_supported()) return type;
    fail(name, fmt::format("type {} is not supported, expected one of {}",
                           type.name.empty() ? std::to_string(id) : type.name,
                           join(supported_ggml_types())));
  }

  std::int64_t size_bytes(const TensorInfo& info, const GgmlType& type, std::uint64_t values) {
    if (info.numel() == 0) return 0;
    const std::int64_t row = info.shape.empty() ? 1 : info.shape.back();
    if (row % type.block_values != 0)
      fail(info.name, fmt::format("rows of {} values, but blocks of {} have {}", row, type.name,
                                  type.block_values));
    return static_cast<std::int64_t>(values) / type.block_values * type.block_bytes;
  }

  std::uint64_t aligned(std::uint64_t offset) const {
    return (offset + alignment_ - 1) / alignment_ * alignment_;
  }

  /// From offsets in the data to offsets in the file; and the shapes that were noted.
  void place_tensors() {
    const std::uint64_t start = aligned(at_);
    for (TensorInfo& info : header_.tensors) {
      if (static_cast<std::uint64_t>(info.offset_bytes) % alignment_ != 0)
        fail(info.name,
             fmt::format("its offset {} is not a multiple of {}", info.offset_bytes, alignment_));
      info.offset_bytes += static_cast<std::int64_t>(start);
      restore_shape(info);
    }
    std::stable_sort(header_.tensors.begin(), header_.tensors.end(),
                     [](const TensorInfo& a, const TensorInfo& b) {
                       return std::pair(a.offset_bytes, a.size_bytes) <
                              std::pair(b.offset_bytes, b.size_bytes);
                     });
    data_start_ = start;
  }

  void restore_shape(TensorInfo& info) const {
    const auto found = original_shapes_.find(info.name);
    if (found == original_shapes_.end()) return;
    std::uint64_t values = 1;
    for (const std::int64_t side : found->second)
      if (__builtin_mul_overflow(values, static_cast<std::uint64_t>(side), &values))
        fail(info.name, "its original shape overflows");
    if (values != static_cast<std::uint64_t>(info.numel()))
      fail(info.name, "its original shape has another number of values");
    TensorInfo restored = info;
    restored.shape = found->second;
    const std::int64_t rows = std::max<std::int64_t>(1, restored.rows());
    const bool rows_hold =
        !info.encoding || info.encoding->row_bytes(info.numel() / rows) * rows == info.size_bytes;
    if (rows_hold) info = std::move(restored);
  }

  /// The data must follow each other, with no more than padding between them.
  void check_data() const {
    std::uint64_t at = data_start_;
    for (const TensorInfo& info : header_.tensors) {
      const auto offset = static_cast<std::uint64_t>(info.offset_bytes);
      if (offset < at) fail(info.name, "its bytes overlap those of another tensor");
      if (offset > aligned(at))
        fail(info.name,
             fmt::format("{} bytes before it belong to no tensor", offset - aligned(at)));
      at = offset + static_cast<std::uint64_t>(info.size_bytes);
      if (at > bytes_.size())
        fail(fmt::format("truncated: tensor {} ends at byte {}, found {} bytes",
                         quoted_name(info.name), at, bytes_.size()));
    }
    if (bytes_.size() > aligned(at))
      fail(fmt::format("the last {} bytes belong to no tensor", bytes_.size() - at));
  }

  std::string_view bytes_;
  const std::filesystem::path& path_;
  std::uint64_t at_ = 0;
  std::uint64_t alignment_ = kDefaultAlignment;
  std::uint64_t data_start_ = 0;
  GgufHeader header_;
  std::set<std::string> keys_, names_;
  std::map<std::string, std::vector<std::int64_t>> original_shapes_;
};

}  // namespace

bool is_gguf(std::string_view bytes) { return bytes.starts_with(kMagic); }

GgufHeader parse_gguf_header(std::string_view bytes, const std::filesystem::path& path) {
  return HeaderReader(bytes, path).read();
}

}  // namespace chitu::io
