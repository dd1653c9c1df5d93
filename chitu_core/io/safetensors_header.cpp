#include "chitu_core/io/safetensors_header.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <limits>
#include <nlohmann/json.hpp>
#include <utility>

#include "chitu_core/common/error.h"
#include "chitu_core/common/expected.h"
#include "chitu_core/io/json.h"
#include "chitu_core/io/lfs_pointer.h"
#include "chitu_core/io/quoted_name.h"
#include "chitu_core/io/safetensors_dtype.h"

namespace chitu::io {
namespace {

using Json = nlohmann::json;

constexpr std::uint64_t kLengthBytes = 8;
/// The limit of the reference library, far above real headers. A hostile length must not make chitu
/// parse gigabytes.
constexpr std::uint64_t kLargestHeader = 100'000'000;
/// More than any libtorch operator supports.
constexpr std::size_t kMostDimensions = 64;

/// Dtypes of block-scaled weights, which chitu does not read.
constexpr std::array kBlockScaled{std::pair{"F8_E8M0", "mxfp8 or mxfp4"},
                                  std::pair{"F4", "nvfp4 or mxfp4"}, std::pair{"F6_E2M3", "mxfp6"},
                                  std::pair{"F6_E3M2", "mxfp6"}};

class HeaderReader {
 public:
  HeaderReader(std::string_view bytes, const std::filesystem::path& path)
      : bytes_(bytes), path_(path) {}

  SafetensorsHeader read() {
    const Json header = parse();
    SafetensorsHeader result;
    for (const auto& [name, entry] : header.items()) {
      if (name == "__metadata__")
        result.metadata = metadata(entry);
      else
        result.tensors.push_back(tensor(name, entry));
    }
    check_tiling(result.tensors);
    return result;
  }

 private:
  [[noreturn]] void fail(const std::string& problem) const {
    throw InputError(path_.string() + ": " + problem);
  }
  [[noreturn]] void fail(const std::string& tensor, const std::string& problem) const {
    fail(fmt::format("tensor {}: {}", quoted_name(tensor), problem));
  }

  Json parse() {
    refuse_lfs_pointer(bytes_, path_);
    if (bytes_.size() < kLengthBytes)
      fail(fmt::format("truncated: expected at least {} bytes, found {}", kLengthBytes,
                       bytes_.size()));
    std::uint64_t length = 0;
    for (std::size_t i = kLengthBytes; i-- > 0;)  // little-endian
      length = length << 8 | static_cast<unsigned char>(bytes_[i]);
    if (length > kLargestHeader)
      fail(fmt::format("not a safetensors file: its header would be {} bytes long, the most is {}",
                       length, kLargestHeader));
    data_start_ = kLengthBytes + length;
    if (data_start_ > bytes_.size())
      fail(fmt::format("truncated: the header needs {} bytes, found {}", data_start_,
                       bytes_.size()));
    const std::string_view text = bytes_.substr(kLengthBytes, length);
    if (!text.starts_with('{')) fail("not a safetensors file: its header does not begin with {");
    return parse_json(text, path_.string() + ": header", DuplicateKeys::refused);
  }

  std::map<std::string, std::string> metadata(const Json& entry) const {
    if (!entry.is_object()) fail("__metadata__: expected an object");
    std::map<std::string, std::string> result;
    for (const auto& [key, value] : entry.items()) {
      if (!value.is_string())
        fail(fmt::format("__metadata__: {}: expected a string", quoted_name(key)));
      result[key] = value.get<std::string>();
    }
    return result;
  }

  TensorInfo tensor(const std::string& name, const Json& entry) const {
    if (!entry.is_object()) fail(name, "expected an object");
    for (const auto& [key, value] : entry.items())
      if (key != "dtype" && key != "shape" && key != "data_offsets")
        fail(name, "unknown key " + quoted_name(key));
    TensorInfo info;
    info.name = name;
    info.file = path_;
    info.dtype = dtype(name, entry);
    info.shape = shape(name, entry);
    const std::uint64_t expected = size_bytes(name, info);
    const auto [begin, end] = offsets(name, entry);
    if (end - begin != expected)
      fail(name, fmt::format("dtype and shape need {} bytes, data_offsets hold {}", expected,
                             end - begin));
    info.offset_bytes = static_cast<std::int64_t>(data_start_ + begin);
    info.size_bytes = static_cast<std::int64_t>(expected);
    return info;
  }

  at::ScalarType dtype(const std::string& name, const Json& entry) const {
    const auto found = entry.find("dtype");
    if (found == entry.end() || !found->is_string()) fail(name, "dtype: expected a string");
    const auto word = found->get<std::string>();
    std::vector<std::string> known;
    for (const auto& [text, type] : kSafetensorsDtypes) {
      if (text == word) return type;
      known.emplace_back(text);
    }
    for (const auto& [text, format] : kBlockScaled)
      if (text == word)
        fail(name, fmt::format("dtype {}: {} weights are not supported", word, format));
    fail(name,
         fmt::format("unknown dtype {}, {}", quoted_name(word), expected_one_of(word, known)));
  }

  std::vector<std::int64_t> shape(const std::string& name, const Json& entry) const {
    const auto found = entry.find("shape");
    if (found == entry.end() || !found->is_array()) fail(name, "shape: expected a list");
    std::vector<std::int64_t> result;
    for (const Json& side : *found) {
      if (!side.is_number_unsigned() || side.get<std::uint64_t>() > kLargestOffset)
        fail(name, "shape: expected integers of 0 or more");
      result.push_back(side.get<std::int64_t>());
    }
    if (result.size() > kMostDimensions)
      fail(name,
           fmt::format("shape: {} dimensions, the most is {}", result.size(), kMostDimensions));
    return result;
  }

  std::uint64_t size_bytes(const std::string& name, const TensorInfo& info) const {
    std::uint64_t size = c10::elementSize(info.dtype);
    // Strides are products of the sizes, so they must not overflow for an empty tensor either.
    for (const std::int64_t side : info.shape)
      if (__builtin_mul_overflow(size, static_cast<std::uint64_t>(std::max<std::int64_t>(side, 1)),
                                 &size) ||
          size > kLargestOffset)
        fail(name, "shape: its size overflows");
    return info.numel() == 0 ? 0 : size;
  }

  std::pair<std::uint64_t, std::uint64_t> offsets(const std::string& name,
                                                  const Json& entry) const {
    const auto found = entry.find("data_offsets");
    if (found == entry.end() || !found->is_array() || found->size() != 2 ||
        !(*found)[0].is_number_unsigned() || !(*found)[1].is_number_unsigned())
      fail(name, "data_offsets: expected two integers of 0 or more");
    const auto begin = (*found)[0].get<std::uint64_t>();
    const auto end = (*found)[1].get<std::uint64_t>();
    if (begin > end) fail(name, fmt::format("data_offsets: {} is after {}", begin, end));
    if (end > kLargestOffset) fail(name, "data_offsets: beyond what a file can hold");
    return {begin, end};
  }

  /// Sorts the tensors by their data, which must fill the file to its end without gaps or overlaps.
  void check_tiling(std::vector<TensorInfo>& tensors) const {
    std::stable_sort(tensors.begin(), tensors.end(), [](const auto& a, const auto& b) {
      return std::pair(a.offset_bytes, a.size_bytes) < std::pair(b.offset_bytes, b.size_bytes);
    });
    auto at = static_cast<std::int64_t>(data_start_);
    std::string before = "the header";
    for (const TensorInfo& info : tensors) {
      if (info.offset_bytes < at) fail(info.name, "its bytes overlap those of " + before);
      if (info.offset_bytes > at)
        fail(info.name, fmt::format("{} bytes between it and {} belong to no tensor",
                                    info.offset_bytes - at, before));
      at += info.size_bytes;
      before = "tensor " + quoted_name(info.name);
    }
    const auto found = static_cast<std::int64_t>(bytes_.size());
    if (found < at)
      fail(fmt::format("truncated: expected {} bytes, found {}; {} is cut short", at, found,
                       first_beyond(tensors, found)));
    if (found > at)
      fail(fmt::format("expected {} bytes, found {}: the last {} belong to no tensor", at, found,
                       found - at));
  }

  static std::string first_beyond(const std::vector<TensorInfo>& tensors, std::int64_t end) {
    const auto cut = std::find_if(tensors.begin(), tensors.end(), [&](const TensorInfo& info) {
      return info.offset_bytes + info.size_bytes > end;
    });
    return "tensor " + quoted_name(cut->name);
  }

  /// Half of the largest signed offset, so the sum of two cannot overflow.
  static constexpr std::uint64_t kLargestOffset = std::numeric_limits<std::int64_t>::max() / 2;

  std::string_view bytes_;
  const std::filesystem::path& path_;
  std::uint64_t data_start_ = 0;
};

}  // namespace

SafetensorsHeader parse_safetensors_header(std::string_view bytes,
                                           const std::filesystem::path& path) {
  return HeaderReader(bytes, path).read();
}

}  // namespace chitu::io
